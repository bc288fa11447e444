/* io/file_slice.h — a piece of a file on its way to a socket: no byte is copied before send.
 *
 * Holds one reference and one pin of its file from pb__file_slice_init to _deinit: the descriptor stays good across deletion of the segment.
 * Thread      one at a time (a loop) */
#ifndef PB_IO_FILE_SLICE_H
#define PB_IO_FILE_SLICE_H

#include "io/file.h"

struct pb_file_slice {
    struct pb_file *file;                                                   /* NULL: empty slice */
    int fd;
    int64_t pos;
    int64_t size_bytes;
};

/* 0 or the error of the pin, then slice is empty. */
int pb__file_slice_init(struct pb_file_slice *slice, struct pb_file *file, int64_t pos, int64_t size_bytes);
void pb__file_slice_deinit(struct pb_file_slice *slice);

#endif
