/* _core/pybrokerd.c — the program: CPython in an executable of its own, with the environment it was installed into.
 *
 * Finds its virtual environment by its own path (<venv>/bin/pybrokerd) and starts as that environment's Python would, without what a server does not
 * need: no user site, no current directory on the path, no handling of arguments. Then pybroker.broker.app.main(argv) decides the exit status. */
#include <Python.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The Python beside this program, so that pyvenv.cfg is found. Without one (not in an environment): the program itself. */
static void python_path(char path[PATH_MAX]) {
    ssize_t size = readlink("/proc/self/exe", path, PATH_MAX - 16);
    if (size <= 0) {
        path[0] = 0;
        return;
    }
    path[size] = 0;
    char own[PATH_MAX];
    memcpy(own, path, (size_t)size + 1);
    char *slash = strrchr(path, '/');
    strcpy(slash + 1, "python3");
    if (access(path, X_OK) != 0) memcpy(path, own, (size_t)size + 1);
}

static int fail(PyStatus status) {
    fprintf(stderr, "pybrokerd: Python cannot start: %s\n", status.err_msg != NULL ? status.err_msg : "unknown error");
    return 1;
}

/* sys.exit(pybroker.broker.app.main(argv)) with argv from the command line. */
static int run(int argc, char **argv) {
    int status = 1;
    PyObject *list = PyList_New(0), *module = NULL, *result = NULL;
    for (int i = 1; list != NULL && i < argc; i++) {
        PyObject *item = PyUnicode_DecodeFSDefault(argv[i]);
        if (item == NULL || PyList_Append(list, item) < 0) {
            Py_XDECREF(item);
            Py_CLEAR(list);
            break;
        }
        Py_DECREF(item);
    }
    if (list != NULL) module = PyImport_ImportModule("pybroker.broker.app");
    if (module != NULL) result = PyObject_CallMethod(module, "main", "O", list);
    if (result != NULL && PyLong_Check(result)) status = (int)PyLong_AsLong(result);
    if (PyErr_Occurred()) PyErr_Print();                                    /* SystemExit ends the process with its own status */
    Py_XDECREF(result);
    Py_XDECREF(module);
    Py_XDECREF(list);
    return status;
}

int main(int argc, char **argv) {
    PyConfig config;
    char path[PATH_MAX];
    PyConfig_InitPythonConfig(&config);
    config.user_site_directory = 0;
    config.safe_path = 1;
    config.parse_argv = 0;
    config.install_signal_handlers = 1;
    config.buffered_stdio = 1;
    python_path(path);
    PyStatus status = PyStatus_Ok();
    if (path[0] != 0) status = PyConfig_SetBytesString(&config, &config.program_name, path);
    if (!PyStatus_Exception(status) && path[0] != 0) status = PyConfig_SetBytesString(&config, &config.executable, path);
    if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) return fail(status);
    int code = run(argc, argv);
    if (Py_FinalizeEx() < 0 && code == 0) code = 1;
    return code;
}
