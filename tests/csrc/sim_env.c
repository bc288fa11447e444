#include "sim_env.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* true: this call fails. */
static bool faulty(struct sim_env *sim) {
    sim->calls++;
    if (sim->fault_at == 0) return false;
    return sim->fault_forever ? sim->calls >= sim->fault_at : sim->calls == sim->fault_at;
}
#define FAULT(sim) if (faulty(sim)) return -(sim)->fault_errno

static int64_t now_ns(void *c) { return ((struct sim_env *)c)->now_ns; }
static int64_t wall_ms(void *c) { return ((struct sim_env *)c)->wall_ms; }
static void random_bytes(void *c, void *bytes, size_t size) {
    struct sim_env *sim = c;
    for (size_t i = 0; i < size; i++) {
        sim->random = sim->random * 6364136223846793005u + 1442695040888963407u;
        ((uint8_t *)bytes)[i] = (uint8_t)(sim->random >> 56);
    }
}
static void *sim_alloc(void *c, size_t size) {
    struct sim_env *sim = c;
    if (sim->count_alloc && faulty(sim)) return NULL;
    sim->allocs_live++;
    return malloc(size);
}
static void *sim_resize(void *c, void *memory, size_t size) {
    struct sim_env *sim = c;
    if (sim->count_alloc && faulty(sim)) return NULL;
    if (memory == NULL) sim->allocs_live++;
    return realloc(memory, size);
}
static void sim_free(void *c, void *memory) {
    ((struct sim_env *)c)->allocs_live--;
    free(memory);
}
static void sim_log(void *c, enum pb_log_level level, const char *line) { (void)c; (void)level; (void)line; }
static int sim_submit(void *c, pb_work_fn fn, void *work) { (void)c; fn(work); return 0; }

struct sim_file *sim_find(struct sim_env *sim, const char *path) {
    for (int i = 0; i < SIM_FILES_MAX; i++)
        if (sim->files[i].used && sim->files[i].linked && strcmp(sim->files[i].path, path) == 0) return &sim->files[i];
    return NULL;
}
static struct sim_file *sim_create(struct sim_env *sim, const char *path, bool is_dir) {
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        struct sim_file *file = &sim->files[i];
        if (file->used) continue;
        *file = (struct sim_file){ .used = true, .linked = true, .is_dir = is_dir };
        strncpy(file->path, path, SIM_PATH_MAX - 1);
        return file;
    }
    return NULL;
}
static void sim_release(struct sim_file *file) {
    if (file->linked || file->opens > 0) return;
    free(file->bytes);
    *file = (struct sim_file){ 0 };
}
static int file_open(void *c, const char *path, int flags) {
    struct sim_env *sim = c;
    FAULT(sim);
    struct sim_file *file = sim_find(sim, path);
    if (file == NULL && !(flags & PB_OPEN_CREATE)) return -ENOENT;
    if (file == NULL) file = sim_create(sim, path, false);
    if (file == NULL) return -ENOSPC;
    if (flags & PB_OPEN_TRUNCATE) file->size = file->synced = 0;
    for (int fd = 0; fd < SIM_FDS_MAX; fd++) {
        if (sim->fds[fd] >= 0) continue;
        sim->fds[fd] = (int)(file - sim->files);
        file->opens++;
        return fd;
    }
    return -EMFILE;
}
static struct sim_file *file_of(struct sim_env *sim, int fd) { return &sim->files[sim->fds[fd]]; }
static int file_close(void *c, int fd) {
    struct sim_env *sim = c;
    struct sim_file *file = file_of(sim, fd);
    file->opens--;
    sim->fds[fd] = -1;
    sim_release(file);
    return 0;
}
static void grow(struct sim_file *file, size_t size) {
    if (size > file->capacity) {
        file->capacity = size * 2;
        file->bytes = realloc(file->bytes, file->capacity);
    }
    if (size > file->size) {
        memset(file->bytes + file->size, 0, size - file->size);
        file->size = size;
    }
}
static int64_t file_pwritev(void *c, int fd, const struct iovec *iov, int count, int64_t pos) {
    struct sim_env *sim = c;
    FAULT(sim);
    sim->write_calls++;
    struct sim_file *file = file_of(sim, fd);
    int64_t at = pos;
    for (int i = 0; i < count; i++) {
        grow(file, (size_t)at + iov[i].iov_len);
        memcpy(file->bytes + at, iov[i].iov_base, iov[i].iov_len);
        at += (int64_t)iov[i].iov_len;
    }
    if ((size_t)pos < file->synced) file->synced = (size_t)pos;
    return at - pos;
}
static int64_t file_pread(void *c, int fd, void *bytes, size_t size, int64_t pos) {
    struct sim_env *sim = c;
    FAULT(sim);
    struct sim_file *file = file_of(sim, fd);
    if ((size_t)pos >= file->size) return 0;
    if (size > file->size - (size_t)pos) size = file->size - (size_t)pos;
    memcpy(bytes, file->bytes + pos, size);
    return (int64_t)size;
}
static int file_datasync(void *c, int fd) {
    struct sim_env *sim = c;
    FAULT(sim);
    sim->sync_calls++;
    if (sim->sync_fails) return -EIO;
    file_of(sim, fd)->synced = file_of(sim, fd)->size;
    return 0;
}
static int file_truncate(void *c, int fd, int64_t size) {
    struct sim_env *sim = c;
    FAULT(sim);
    struct sim_file *file = file_of(sim, fd);
    grow(file, (size_t)size);
    file->size = (size_t)size;
    if (file->synced > file->size) file->synced = file->size;
    return 0;
}
static int file_allocate(void *c, int fd, int64_t pos, int64_t size) { (void)fd; (void)pos; (void)size; FAULT((struct sim_env *)c); return 0; }
static int file_stat(void *c, const char *path, struct pb_file_stat *out) {
    struct sim_env *sim = c;
    FAULT(sim);
    struct sim_file *file = sim_find(sim, path);
    if (file == NULL) return -ENOENT;
    *out = (struct pb_file_stat){ (int64_t)file->size, sim->wall_ms, file->is_dir ? PB_FILE_DIRECTORY : PB_FILE_REGULAR };
    return 0;
}
static int file_size(void *c, int fd, int64_t *out) { FAULT((struct sim_env *)c); *out = (int64_t)file_of(c, fd)->size; return 0; }
static int file_unlink(void *c, const char *path) {
    struct sim_env *sim = c;
    FAULT(sim);
    struct sim_file *file = sim_find(sim, path);
    if (file == NULL) return -ENOENT;
    file->linked = false;
    sim_release(file);
    return 0;
}
static int file_rename(void *c, const char *from, const char *to) {
    struct sim_env *sim = c;
    FAULT(sim);
    struct sim_file *file = sim_find(sim, from), *old = sim_find(sim, to);
    if (file == NULL) return -ENOENT;
    if (old != NULL) {
        old->linked = false;
        sim_release(old);
    }
    size_t size = strlen(from);
    for (int i = 0; i < SIM_FILES_MAX; i++) {                               /* what lies in a directory moves with it */
        struct sim_file *inner = &sim->files[i];
        if (!inner->used || !inner->linked || strncmp(inner->path, from, size) != 0 || (inner->path[size] != 0 && inner->path[size] != '/')) continue;
        char path[2 * SIM_PATH_MAX];
        strcpy(path, to);
        strcat(path, inner->path + size);
        strncpy(inner->path, path, SIM_PATH_MAX - 1);
    }
    return 0;
}
static int file_lock(void *c, int fd) { (void)fd; FAULT((struct sim_env *)c); return 0; }
static int dir_create(void *c, const char *path) {
    struct sim_env *sim = c;
    FAULT(sim);
    if (sim_find(sim, path) != NULL) return -EEXIST;
    return sim_create(sim, path, true) == NULL ? -ENOSPC : 0;
}
static int dir_remove(void *c, const char *path) { return file_unlink(c, path); }
static int dir_sync(void *c, const char *path) { (void)path; FAULT((struct sim_env *)c); return 0; }
static int dir_walk(void *c, const char *path, pb_dir_entry_fn each, void *context) {
    struct sim_env *sim = c;
    FAULT(sim);
    size_t size = strlen(path);
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        struct sim_file *file = &sim->files[i];
        if (!file->used || !file->linked || strncmp(file->path, path, size) != 0 || file->path[size] != '/' || strchr(file->path + size + 1, '/')) continue;
        int rc = each(context, file->path + size + 1, file->is_dir ? PB_FILE_DIRECTORY : PB_FILE_REGULAR);
        if (rc != 0) return rc;
    }
    return 0;
}
static int64_t disk_free(void *c, const char *path) { (void)path; FAULT((struct sim_env *)c); return 1LL << 40; }

void sim_init(struct sim_env *sim) {
    memset(sim, 0, sizeof *sim);
    for (int i = 0; i < SIM_FDS_MAX; i++) sim->fds[i] = -1;
    sim->wall_ms = 1700000000000;
    sim->random = 1;
    sim->env = (struct pb_env){ sim, now_ns, wall_ms, random_bytes, sim_alloc, sim_resize, sim_free, sim_log, sim_submit, file_open, file_close, file_pwritev, file_pread,
                                file_datasync, file_truncate, file_allocate, file_stat, file_size, file_rename, file_unlink, file_lock, dir_create, dir_remove, dir_sync,
                                dir_walk, disk_free };
}

void sim_deinit(struct sim_env *sim) {
    for (int i = 0; i < SIM_FILES_MAX; i++) free(sim->files[i].bytes);
}

void sim_arm(struct sim_env *sim, int64_t fault_at, int fault_errno, bool forever) {
    sim->calls = 0;
    sim->fault_at = fault_at;
    sim->fault_errno = fault_errno;
    sim->fault_forever = forever;
}

void sim_crash(struct sim_env *sim, size_t keep_bytes) {
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        struct sim_file *file = &sim->files[i];
        if (file->used && file->size > file->synced + keep_bytes) file->size = file->synced + keep_bytes;
    }
}

int sim_open_count(const struct sim_env *sim) {
    int count = 0;
    for (int i = 0; i < SIM_FDS_MAX; i++) count += sim->fds[i] >= 0;
    return count;
}
