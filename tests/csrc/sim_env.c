#include "sim_env.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static bool ends_with(const char *text, const char *end) {
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

/* true: this call fails. */
static bool faulty(struct sim_env *sim, enum sim_call kind, const char *path) {
    if (sim->fault_kinds != 0 && (sim->fault_kinds & kind) == 0) return false;
    if (sim->fault_suffix != NULL && (path == NULL || !ends_with(path, sim->fault_suffix))) return false;
    sim->calls++;
    if (sim->fault_at == 0) return false;
    return sim->fault_forever ? sim->calls >= sim->fault_at : sim->calls == sim->fault_at;
}
#define FAULT(sim, kind, path) if (faulty(sim, kind, path)) return -(sim)->fault_errno

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
    if (sim->count_alloc && faulty(sim, SIM_MEMORY, NULL)) return NULL;
    sim->allocs_live++;
    return malloc(size);
}
static void *sim_resize(void *c, void *memory, size_t size) {
    struct sim_env *sim = c;
    if (sim->count_alloc && faulty(sim, SIM_MEMORY, NULL)) return NULL;
    if (memory == NULL) sim->allocs_live++;
    return realloc(memory, size);
}
static void sim_free(void *c, void *memory) {
    ((struct sim_env *)c)->allocs_live--;
    free(memory);
}
static void sim_log(void *c, enum pb_log_level level, const char *line) {
    struct sim_env *sim = c;
    if (level < PB_LOG_WARNING) return;
    strncpy(sim->last_line, line, SIM_LINE_MAX - 1);
}
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
        *file = (struct sim_file){ .used = true, .linked = true, .is_dir = is_dir, .named_at = ++sim->name_changes };
        strncpy(file->path, path, SIM_PATH_MAX - 1);
        return file;
    }
    return NULL;
}
/* Gone when nobody has it open and neither the name of now nor the one on the disk leads to it. */
static void sim_release(struct sim_file *file) {
    if (file->linked || file->opens > 0 || file->disk_path[0] != 0) return;
    free(file->bytes);
    free(file->disk);
    *file = (struct sim_file){ 0 };
}
static int file_open(void *c, const char *path, int flags) {
    struct sim_env *sim = c;
    FAULT(sim, SIM_OPEN, path);
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
    struct sim_file *file = file_of(sim, fd);
    FAULT(sim, SIM_WRITE, file->path);
    sim->write_calls++;
    int64_t at = pos;
    size_t left = sim->write_bytes_max > 0 ? sim->write_bytes_max : SIZE_MAX;
    for (int i = 0; i < count && left > 0; i++) {
        size_t size = iov[i].iov_len < left ? iov[i].iov_len : left;
        grow(file, (size_t)at + size);
        memcpy(file->bytes + at, iov[i].iov_base, size);
        at += (int64_t)size;
        left -= size;
    }
    if ((size_t)pos < file->synced) file->synced = (size_t)pos;
    return at - pos;
}
static int64_t file_pread(void *c, int fd, void *bytes, size_t size, int64_t pos) {
    struct sim_env *sim = c;
    struct sim_file *file = file_of(sim, fd);
    FAULT(sim, SIM_READ, file->path);
    sim->read_calls++;
    if ((size_t)pos >= file->size) return 0;
    if (size > file->size - (size_t)pos) size = file->size - (size_t)pos;
    memcpy(bytes, file->bytes + pos, size);
    sim->read_bytes += (int64_t)size;
    return (int64_t)size;
}
static int file_datasync(void *c, int fd) {
    struct sim_env *sim = c;
    struct sim_file *file = file_of(sim, fd);
    FAULT(sim, SIM_SYNC, file->path);
    sim->sync_calls++;
    if (sim->sync_fails) return -EIO;
    file->synced = file->disk_size = file->size;
    file->disk = realloc(file->disk, file->size + 1);
    if (file->size > 0) memcpy(file->disk, file->bytes, file->size);
    return 0;
}
static int file_truncate(void *c, int fd, int64_t size) {
    struct sim_env *sim = c;
    struct sim_file *file = file_of(sim, fd);
    FAULT(sim, SIM_TRUNCATE, file->path);
    grow(file, (size_t)size);
    file->size = (size_t)size;
    if (file->synced > file->size) file->synced = file->size;
    return 0;
}
static int file_allocate(void *c, int fd, int64_t pos, int64_t size) { (void)fd; (void)pos; (void)size; FAULT((struct sim_env *)c, SIM_OTHER, NULL); return 0; }
static int file_stat(void *c, const char *path, struct pb_file_stat *out) {
    struct sim_env *sim = c;
    FAULT(sim, SIM_OTHER, path);
    struct sim_file *file = sim_find(sim, path);
    if (file == NULL) return -ENOENT;
    *out = (struct pb_file_stat){ (int64_t)file->size, sim->wall_ms, file->is_dir ? PB_FILE_DIRECTORY : PB_FILE_REGULAR };
    return 0;
}
static int file_size(void *c, int fd, int64_t *out) { FAULT((struct sim_env *)c, SIM_OTHER, file_of(c, fd)->path); *out = (int64_t)file_of(c, fd)->size; return 0; }
static int file_unlink(void *c, const char *path) {
    struct sim_env *sim = c;
    FAULT(sim, SIM_NAMES, path);
    struct sim_file *file = sim_find(sim, path);
    if (file == NULL) return -ENOENT;
    file->linked = false;
    file->named_at = ++sim->name_changes;
    sim_release(file);
    return 0;
}
static int file_rename(void *c, const char *from, const char *to) {
    struct sim_env *sim = c;
    FAULT(sim, SIM_NAMES, to);
    struct sim_file *file = sim_find(sim, from), *old = sim_find(sim, to);
    if (file == NULL) return -ENOENT;
    sim->name_changes++;
    if (old != NULL) {
        old->linked = false;
        old->named_at = sim->name_changes;
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
        inner->named_at = sim->name_changes;
        if (inner->path[strlen(to)] == '/' && inner->disk_path[0] != 0) memcpy(inner->disk_path, inner->path, SIM_PATH_MAX);
    }
    return 0;
}
static int file_lock(void *c, int fd) { (void)fd; FAULT((struct sim_env *)c, SIM_OTHER, NULL); return 0; }
static int dir_create(void *c, const char *path) {
    struct sim_env *sim = c;
    FAULT(sim, SIM_NAMES, path);
    if (sim_find(sim, path) != NULL) return -EEXIST;
    return sim_create(sim, path, true) == NULL ? -ENOSPC : 0;
}
static int dir_remove(void *c, const char *path) { return file_unlink(c, path); }
static bool is_in(const char *path, const char *dir) {
    size_t size = strlen(dir);
    return strncmp(path, dir, size) == 0 && path[size] == '/' && strchr(path + size + 1, '/') == NULL;
}
static int dir_sync(void *c, const char *path) {
    struct sim_env *sim = c;
    FAULT(sim, SIM_SYNC, path);
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        struct sim_file *file = &sim->files[i];
        if (!file->used || !is_in(file->path, path)) continue;
        strcpy(file->disk_path, file->linked ? file->path : "");
        sim_release(file);
    }
    return 0;
}
static int dir_walk(void *c, const char *path, pb_dir_entry_fn each, void *context) {
    struct sim_env *sim = c;
    FAULT(sim, SIM_OTHER, path);
    size_t size = strlen(path);
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        struct sim_file *file = &sim->files[i];
        if (!file->used || !file->linked || !is_in(file->path, path)) continue;
        int rc = each(context, file->path + size + 1, file->is_dir ? PB_FILE_DIRECTORY : PB_FILE_REGULAR);
        if (rc != 0) return rc;
    }
    return 0;
}
static int64_t disk_free(void *c, const char *path) { FAULT((struct sim_env *)c, SIM_OTHER, path); return 1LL << 40; }

void sim_init(struct sim_env *sim) {
    memset(sim, 0, sizeof *sim);
    for (int i = 0; i < SIM_FDS_MAX; i++) sim->fds[i] = -1;
    sim->wall_ms = 1700000000000;
    sim->random = 1;
    sim->env = (struct pb_env){ sim, now_ns, wall_ms, random_bytes, sim_alloc, sim_resize, sim_free, sim_log, sim_submit, file_open, file_close, file_pwritev, file_pread,
                                file_datasync, file_truncate, file_allocate, file_stat, file_size, file_rename, file_unlink, file_lock, dir_create, dir_remove, dir_sync,
                                dir_walk, disk_free, NULL };
}

void sim_deinit(struct sim_env *sim) {
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        free(sim->files[i].bytes);
        free(sim->files[i].disk);
    }
}

void sim_arm_on(struct sim_env *sim, unsigned kinds, const char *suffix, int64_t fault_at, int fault_errno, bool forever) {
    sim->calls = 0;
    sim->fault_at = fault_at;
    sim->fault_errno = fault_errno;
    sim->fault_forever = forever;
    sim->fault_kinds = kinds;
    sim->fault_suffix = suffix;
}

void sim_arm(struct sim_env *sim, int64_t fault_at, int fault_errno, bool forever) { sim_arm_on(sim, 0, NULL, fault_at, fault_errno, forever); }
void sim_disarm(struct sim_env *sim) { sim_arm(sim, 0, 0, false); }

uint64_t sim_random(struct sim_env *sim, uint64_t below) {
    uint64_t value;
    random_bytes(sim, &value, sizeof value);
    return value % below;
}

/* What is there now is all that there is: the machine is up again. */
static void settle(struct sim_file *file) {
    strcpy(file->disk_path, file->linked ? file->path : "");
    file->synced = file->disk_size = file->size;
    file->disk = realloc(file->disk, file->size + 1);
    if (file->size > 0) memcpy(file->disk, file->bytes, file->size);
    sim_release(file);
}

void sim_crash(struct sim_env *sim, size_t keep_bytes) {
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        struct sim_file *file = &sim->files[i];
        if (file->used && file->size > file->synced + keep_bytes) file->size = file->synced + keep_bytes;
        if (file->used) settle(file);
    }
}

/* One page of a file as the disk may hold it: as it was, as it is, or zeros where it was not. */
static void lose_page(struct sim_env *sim, struct sim_file *file, size_t at, size_t size) {
    if (sim_random(sim, 2) == 0) return;
    for (size_t i = at; i < at + size; i++) file->bytes[i] = i < file->disk_size ? file->disk[i] : 0;
}

static void lose_bytes(struct sim_env *sim, struct sim_file *file) {
    size_t now = file->size, least = now < file->disk_size ? now : file->disk_size, most = now < file->disk_size ? file->disk_size : now;
    if (most == 0 || (now == file->disk_size && memcmp(file->bytes, file->disk, now) == 0)) return;
    size_t size = sim_random(sim, 2) == 0 ? now : least + sim_random(sim, most - least + 1);
    grow(file, most);
    if (now < file->disk_size) memcpy(file->bytes + now, file->disk + now, file->disk_size - now);
    for (size_t at = 0; at < most; at += SIM_PAGE_BYTES) lose_page(sim, file, at, most - at < SIM_PAGE_BYTES ? most - at : SIM_PAGE_BYTES);
    file->size = size;
}

void sim_crash_badly(struct sim_env *sim) {
    int64_t journal = (int64_t)sim_random(sim, (uint64_t)sim->name_changes + 1);
    for (int i = 0; i < SIM_FILES_MAX; i++) {                               /* changes that a sync brought to the disk took all before them along */
        const struct sim_file *file = &sim->files[i];
        if (file->used && file->linked && strcmp(file->path, file->disk_path) == 0 && file->named_at > journal) journal = file->named_at;
    }
    bool undone[SIM_FILES_MAX] = { false };
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        struct sim_file *file = &sim->files[i];
        if (!file->used || file->is_dir) continue;
        lose_bytes(sim, file);
        undone[i] = file->named_at > journal && !(file->linked && strcmp(file->path, file->disk_path) == 0);
        if (undone[i]) file->linked = false;
    }
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        struct sim_file *file = &sim->files[i];
        if (!undone[i] || file->disk_path[0] == 0 || sim_find(sim, file->disk_path) != NULL) continue;
        strcpy(file->path, file->disk_path);
        file->linked = true;
    }
    for (int i = 0; i < SIM_FILES_MAX; i++)
        if (sim->files[i].used) settle(&sim->files[i]);
}

int sim_open_count(const struct sim_env *sim) {
    int count = 0;
    for (int i = 0; i < SIM_FDS_MAX; i++) count += sim->fds[i] >= 0;
    return count;
}
