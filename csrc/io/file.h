/* io/file.h — a file that may be open or not: descriptors are opened on first use and kept in a bounded cache.
 *
 * Invariants  F1 fd >= 0 while pin_count > 0
 *             F2 the cache holds at most open_max descriptors that nobody pins; pinned ones are needed by somebody right now
 *             F3 a file that was removed from its directory keeps its descriptor until the last pin and reference are gone
 * Thread      any: the cache has one mutex, held for list moves and open/close of cold files only
 * Owner       reference count; a pin is not a reference */
#ifndef PB_IO_FILE_H
#define PB_IO_FILE_H

#include "base/env.h"

struct pb_file_cache;
struct pb_file;

int pb__file_cache_new(const struct pb_env *env, int32_t open_max, struct pb_file_cache **cache_out);
void pb__file_cache_free(struct pb_file_cache *cache);                      /* no file of it may be left */
/* Descriptors open now, and how many of them are pinned. */
void pb__file_cache_stats(struct pb_file_cache *cache, int32_t *open_out, int32_t *pinned_out);

/* A file by its path (copied); nothing is opened yet. flags: as pb_env.file_open; PB_OPEN_CREATE and _TRUNCATE hold for the first open only.
 * One reference, owned by the caller. */
int pb__file_new(struct pb_file_cache *cache, const char *path, int flags, struct pb_file **file_out);
struct pb_file *pb__file_get(struct pb_file *file);
void pb__file_put(struct pb_file *file);
/* Descriptor, open until the matching unpin. 0, or PB_E_IO, PB_E_NOENT, PB_E_LIMIT (no descriptor to be had). */
int pb__file_pin(struct pb_file *file, int *fd_out);
void pb__file_unpin(struct pb_file *file);
/* The path, lent until renamed. */
const char *pb__file_path(const struct pb_file *file);
/* The file has another path now, since its directory was renamed. PB_E_NOMEM. */
int pb__file_set_path(struct pb_file *file, const char *path);
/* Rename on disk and in the struct; open descriptors stay. 0 or PB_E_IO. */
int pb__file_rename(struct pb_file *file, const char *path);
/* Remove from the directory; readers that hold pins go on. 0 or PB_E_IO; a file that is not there is fine. */
int pb__file_unlink(struct pb_file *file);
int pb__file_size(struct pb_file *file, int64_t *size_bytes_out);

/* Whole reads and writes; short ones are continued. PB_E_IO (logged with path and errno), PB_E_NOSPACE for ENOSPC and EDQUOT, and what pin gives: then
 * nothing was done. */
int pb__file_write(struct pb_file *file, struct iovec *iov, int iov_count, int64_t pos);   /* iov is used up */
int pb__file_read(struct pb_file *file, void *bytes, size_t size_bytes, int64_t pos, size_t *read_out);   /* *read_out < size_bytes: end of file */
int pb__file_datasync(struct pb_file *file);
int pb__file_truncate(struct pb_file *file, int64_t size_bytes);

/* As pb__file_write, on a descriptor: 0 or -errno. */
int64_t pb__file_write_fd(const struct pb_env *env, int fd, struct iovec *iov, int iov_count, int64_t pos);

/* What a negative errno of a file call means: PB_E_NOSPACE, PB_E_NOENT, PB_E_LIMIT (no descriptor to be had: nothing was done, it may pass), else PB_E_IO. */
int pb__io_error(int64_t negative_errno);

/* A whole small file replaced at once: write <path>.tmp, sync, rename over, sync the directory. 0, PB_E_IO, PB_E_NOSPACE. */
int pb__file_replace(const struct pb_env *env, const char *path, const void *bytes, size_t size_bytes);
/* As replace, without any sync: after a power cut the old bytes, the new ones or none are found. For what says by itself whether it is whole. */
int pb__file_put_whole(const struct pb_env *env, const char *path, const void *bytes, size_t size_bytes);
/* A whole small file into memory of env->alloc (owned by the caller, NUL added). PB_E_NOENT; PB_E_LIMIT above size_bytes_max; PB_E_IO. */
int pb__file_read_all(const struct pb_env *env, const char *path, size_t size_bytes_max, uint8_t **bytes_out, size_t *size_out);

#endif
