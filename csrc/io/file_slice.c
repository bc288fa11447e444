#include "io/file_slice.h"

int pb__file_slice_init(struct pb_file_slice *slice, struct pb_file *file, int64_t pos, int64_t size_bytes) {
    *slice = (struct pb_file_slice){ 0 };
    int fd, rc = pb__file_pin(file, &fd);
    if (rc < 0) return rc;
    *slice = (struct pb_file_slice){ pb__file_get(file), fd, pos, size_bytes };
    return 0;
}

void pb__file_slice_deinit(struct pb_file_slice *slice) {
    if (slice->file == NULL) return;
    pb__file_unpin(slice->file);
    pb__file_put(slice->file);
    *slice = (struct pb_file_slice){ 0 };
}
