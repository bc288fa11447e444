#include "io/file.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/failpoint.h"
#include "base/limits.h"
#include "base/list.h"

struct pb_file_cache {
    const struct pb_env *env;
    pthread_mutex_t lock;
    struct pb_list unpinned;                                                /* open, least recently used first */
    int32_t open_max, open_count, pinned_count, file_count;
};

struct pb_file {
    struct pb_list node;                                                    /* in cache->unpinned while open and not pinned */
    struct pb_file_cache *cache;
    _Atomic int32_t refs;
    int32_t pins;
    int fd;
    int flags;
    char *path;
};

int pb__file_cache_new(const struct pb_env *env, int32_t open_max, struct pb_file_cache **cache_out) {
    struct pb_file_cache *cache = pb__env_zalloc(env, sizeof *cache);
    if (cache == NULL) return PB_E_NOMEM;
    cache->env = env;
    cache->open_max = open_max;
    pthread_mutex_init(&cache->lock, NULL);
    pb__list_init(&cache->unpinned);
    *cache_out = cache;
    return 0;
}

void pb__file_cache_free(struct pb_file_cache *cache) {
    PB_ASSERT(cache->file_count == 0);
    pthread_mutex_destroy(&cache->lock);
    pb__env_free(cache->env, cache);
}

void pb__file_cache_stats(struct pb_file_cache *cache, int32_t *open_out, int32_t *pinned_out) {
    pthread_mutex_lock(&cache->lock);
    *open_out = cache->open_count;
    *pinned_out = cache->pinned_count;
    pthread_mutex_unlock(&cache->lock);
}

int pb__file_new(struct pb_file_cache *cache, const char *path, int flags, struct pb_file **file_out) {
    const struct pb_env *env = cache->env;
    struct pb_file *file = pb__env_zalloc(env, sizeof *file);
    if (file == NULL) return PB_E_NOMEM;
    file->path = pb__env_strdup(env, path);
    if (file->path == NULL) {
        pb__env_free(env, file);
        return PB_E_NOMEM;
    }
    file->cache = cache;
    file->fd = -1;
    file->flags = flags;
    atomic_init(&file->refs, 1);
    pb__list_init(&file->node);
    pthread_mutex_lock(&cache->lock);
    cache->file_count++;
    pthread_mutex_unlock(&cache->lock);
    *file_out = file;
    return 0;
}

struct pb_file *pb__file_get(struct pb_file *file) {
    atomic_fetch_add_explicit(&file->refs, 1, memory_order_relaxed);
    return file;
}

/* cache->lock held. */
static void close_file(struct pb_file_cache *cache, struct pb_file *file) {
    pb__list_remove(&file->node);
    cache->env->file_close(cache->env->context, file->fd);
    file->fd = -1;
    cache->open_count--;
}

void pb__file_put(struct pb_file *file) {
    if (file == NULL || atomic_fetch_sub_explicit(&file->refs, 1, memory_order_acq_rel) != 1) return;
    struct pb_file_cache *cache = file->cache;
    pthread_mutex_lock(&cache->lock);
    PB_ASSERT(file->pins == 0);
    if (file->fd >= 0) close_file(cache, file);
    cache->file_count--;
    pthread_mutex_unlock(&cache->lock);
    pb__env_free(cache->env, file->path);
    pb__env_free(cache->env, file);
}

static void evict(struct pb_file_cache *cache, int32_t open_max) {
    while (cache->open_count >= open_max && !pb__list_is_empty(&cache->unpinned)) close_file(cache, PB_LIST_ITEM(cache->unpinned.next, struct pb_file, node));
}

/* cache->lock held. */
static int open_file(struct pb_file_cache *cache, struct pb_file *file) {
    const struct pb_env *env = cache->env;
    evict(cache, cache->open_max);
    int fd = env->file_open(env->context, file->path, file->flags);
    if (fd == -EMFILE || fd == -ENFILE) {
        evict(cache, 0);                                                    /* all that nobody needs right now */
        fd = env->file_open(env->context, file->path, file->flags);
    }
    if (fd < 0) {
        if (fd != -ENOENT) pb__env_log(env, PB_LOG_ERROR, "event=file-open-failed path=%s errno=%d", file->path, -fd);
        return pb__io_error(fd);
    }
    file->fd = fd;
    file->flags &= ~(PB_OPEN_CREATE | PB_OPEN_TRUNCATE | PB_OPEN_EXCLUSIVE);
    cache->open_count++;
    return 0;
}

int pb__file_pin(struct pb_file *file, int *fd_out) {
    struct pb_file_cache *cache = file->cache;
    pthread_mutex_lock(&cache->lock);
    int rc = file->fd >= 0 ? 0 : open_file(cache, file);
    if (rc == 0) {
        if (file->pins++ == 0) {
            pb__list_remove(&file->node);
            cache->pinned_count++;
        }
        *fd_out = file->fd;
    }
    pthread_mutex_unlock(&cache->lock);
    return rc;
}

void pb__file_unpin(struct pb_file *file) {
    struct pb_file_cache *cache = file->cache;
    pthread_mutex_lock(&cache->lock);
    PB_ASSERT(file->pins > 0);
    if (--file->pins == 0) {
        cache->pinned_count--;
        pb__list_push_back(&cache->unpinned, &file->node);
        evict(cache, cache->open_max + 1);
    }
    pthread_mutex_unlock(&cache->lock);
}

const char *pb__file_path(const struct pb_file *file) { return file->path; }

int pb__io_error(int64_t negative_errno) {
    switch (-negative_errno) {
        case ENOSPC: case EDQUOT: return PB_E_NOSPACE;
        case EMFILE: case ENFILE: return PB_E_LIMIT;
        case ENOENT: return PB_E_NOENT;
        default: return PB_E_IO;
    }
}

static int failed(const struct pb_file *file, const char *what, int64_t rc) {
    pb__env_log(file->cache->env, PB_LOG_ERROR, "event=%s-failed path=%s errno=%d", what, file->path, (int)-rc);
    return pb__io_error(rc) == PB_E_NOSPACE ? PB_E_NOSPACE : PB_E_IO;       /* the file was open: whatever else it is, something may have been done */
}

int pb__file_set_path(struct pb_file *file, const char *path) {
    char *copy = pb__env_strdup(file->cache->env, path);
    if (copy == NULL) return PB_E_NOMEM;
    pthread_mutex_lock(&file->cache->lock);
    char *old = file->path;
    file->path = copy;
    pthread_mutex_unlock(&file->cache->lock);
    pb__env_free(file->cache->env, old);
    return 0;
}

int pb__file_rename(struct pb_file *file, const char *path) {
    const struct pb_env *env = file->cache->env;
    char *copy = pb__env_strdup(env, path);
    if (copy == NULL) return PB_E_NOMEM;
    int rc = env->file_rename(env->context, file->path, path);
    if (rc < 0 && rc != -ENOENT) {
        pb__env_free(env, copy);
        return failed(file, "rename", rc);
    }
    pthread_mutex_lock(&file->cache->lock);
    char *old = file->path;
    file->path = copy;
    pthread_mutex_unlock(&file->cache->lock);
    pb__env_free(env, old);
    return 0;
}

int pb__file_unlink(struct pb_file *file) {
    const struct pb_env *env = file->cache->env;
    int rc = env->file_unlink(env->context, file->path);
    return rc < 0 && rc != -ENOENT ? failed(file, "unlink", rc) : 0;
}

int pb__file_size(struct pb_file *file, int64_t *size_bytes_out) {
    int fd, rc = pb__file_pin(file, &fd);
    if (rc < 0) return rc;
    rc = file->cache->env->file_size(file->cache->env->context, fd, size_bytes_out);
    pb__file_unpin(file);
    return rc < 0 ? failed(file, "stat", rc) : 0;
}

/* Writes go on after a short one; a write of nothing is an error of the file system. */
int64_t pb__file_write_fd(const struct pb_env *env, int fd, struct iovec *iov, int iov_count, int64_t pos) {
    while (iov_count > 0) {
        int64_t wrote = env->file_pwritev(env->context, fd, iov, iov_count, pos);
        if (wrote <= 0) return wrote == 0 ? -EIO : wrote;
        pos += wrote;
        for (; iov_count > 0 && (size_t)wrote >= iov->iov_len; iov++, iov_count--) wrote -= (int64_t)iov->iov_len;
        if (iov_count > 0) {
            iov->iov_base = (char *)iov->iov_base + wrote;
            iov->iov_len -= (size_t)wrote;
        }
    }
    return 0;
}

int pb__file_write(struct pb_file *file, struct iovec *iov, int iov_count, int64_t pos) {
    int fd, rc = pb__file_pin(file, &fd);
    if (rc < 0) return rc;
    int64_t result = pb__file_write_fd(file->cache->env, fd, iov, iov_count, pos);
    pb__file_unpin(file);
    return result < 0 ? failed(file, "write", result) : 0;
}

int pb__file_read(struct pb_file *file, void *bytes, size_t size_bytes, int64_t pos, size_t *read_out) {
    const struct pb_env *env = file->cache->env;
    int fd, rc = pb__file_pin(file, &fd);
    *read_out = 0;
    if (rc < 0) return rc;
    int64_t got = 1;
    while (*read_out < size_bytes && got > 0) {
        got = env->file_pread(env->context, fd, (char *)bytes + *read_out, size_bytes - *read_out, pos + (int64_t)*read_out);
        if (got > 0) *read_out += (size_t)got;
    }
    pb__file_unpin(file);
    return got < 0 ? failed(file, "read", got) : 0;
}

int pb__file_datasync(struct pb_file *file) {
    int fd, rc = pb__file_pin(file, &fd);
    if (rc < 0) return rc;
    rc = file->cache->env->file_datasync(file->cache->env->context, fd);
    pb__file_unpin(file);
    if (rc < 0) (void)failed(file, "sync", rc);                             /* whatever its errno: the pages may be lost */
    return rc < 0 ? PB_E_IO : 0;
}

int pb__file_truncate(struct pb_file *file, int64_t size_bytes) {
    int fd, rc = pb__file_pin(file, &fd);
    if (rc < 0) return rc;
    rc = file->cache->env->file_truncate(file->cache->env->context, fd, size_bytes);
    pb__file_unpin(file);
    return rc < 0 ? failed(file, "truncate", rc) : 0;
}

/* ---- small files, whole */

static int whole_failed(const struct pb_env *env, const char *what, const char *path, int64_t rc) {
    pb__env_log(env, PB_LOG_ERROR, "event=%s-failed path=%s errno=%d", what, path, (int)-rc);
    return rc == -ENOENT ? PB_E_IO : pb__io_error(rc);                      /* absent is no answer to a write */
}

static int write_new(const struct pb_env *env, const char *path, const void *bytes, size_t size_bytes, bool durable) {
    int fd = env->file_open(env->context, path, PB_OPEN_WRITE | PB_OPEN_CREATE | PB_OPEN_TRUNCATE);
    if (fd < 0) return whole_failed(env, "open", path, fd);
    PB_FAILPOINT(env, REPLACE_OPENED);
    struct iovec iov = { (void *)(uintptr_t)bytes, size_bytes };
    int64_t rc = size_bytes > 0 ? pb__file_write_fd(env, fd, &iov, 1, 0) : 0;
    PB_FAILPOINT(env, REPLACE_WRITTEN);
    if (rc == 0 && durable) rc = env->file_datasync(env->context, fd);
    int rc_close = env->file_close(env->context, fd);
    if (rc == 0) rc = rc_close;
    return rc < 0 ? whole_failed(env, "write", path, rc) : 0;
}

static int write_and_rename(const struct pb_env *env, const char *path, const void *bytes, size_t size_bytes, bool durable) {
    char temporary[PB_PATH_BYTES_MAX + 8];
    int size = snprintf(temporary, sizeof temporary, "%s.tmp", path);
    if (size < 0 || size >= PB_PATH_BYTES_MAX) return PB_E_INVALID_ARGUMENT;
    PB_FAILPOINT(env, REPLACE_BEGUN);
    int rc = write_new(env, temporary, bytes, size_bytes, durable);
    if (rc < 0) return rc;
    PB_FAILPOINT(env, REPLACE_SYNCED);
    rc = env->file_rename(env->context, temporary, path);
    PB_FAILPOINT(env, REPLACE_RENAMED);
    return rc < 0 ? whole_failed(env, "rename", path, rc) : 0;
}

int pb__file_put_whole(const struct pb_env *env, const char *path, const void *bytes, size_t size_bytes) { return write_and_rename(env, path, bytes, size_bytes, false); }

int pb__file_replace(const struct pb_env *env, const char *path, const void *bytes, size_t size_bytes) {
    char dir[PB_PATH_BYTES_MAX];
    int rc = write_and_rename(env, path, bytes, size_bytes, true);
    if (rc < 0) return rc;
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash != NULL && slash != dir) *slash = 0;
    rc = env->dir_sync(env->context, slash == NULL ? "." : dir);
    return rc < 0 ? whole_failed(env, "sync", path, rc) : 0;
}

int pb__file_read_all(const struct pb_env *env, const char *path, size_t size_bytes_max, uint8_t **bytes_out, size_t *size_out) {
    int fd = env->file_open(env->context, path, PB_OPEN_READ);
    if (fd == -ENOENT) return PB_E_NOENT;
    if (fd < 0) return whole_failed(env, "open", path, fd);
    int64_t size = 0, got = 1, at = 0;
    uint8_t *bytes = NULL;
    int64_t rc = env->file_size(env->context, fd, &size);
    if (rc == 0 && size > (int64_t)size_bytes_max) {
        env->file_close(env->context, fd);
        return PB_E_LIMIT;
    }
    if (rc == 0 && (bytes = pb__env_alloc(env, (size_t)size + 1)) == NULL) {
        env->file_close(env->context, fd);
        return PB_E_NOMEM;
    }
    while (rc == 0 && at < size && got > 0) {
        got = env->file_pread(env->context, fd, bytes + at, (size_t)(size - at), at);
        if (got < 0) rc = got;
        if (got > 0) at += got;
    }
    env->file_close(env->context, fd);
    if (rc < 0) {
        pb__env_free(env, bytes);
        return whole_failed(env, "read", path, rc);
    }
    bytes[at] = 0;
    *bytes_out = bytes;
    *size_out = (size_t)at;
    return 0;
}
