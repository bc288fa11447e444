/* api/api_table.h — which API keys there are, from api_table.inc that the generator writes.
 * Thread      any: constants */
#ifndef PB_API_API_TABLE_H
#define PB_API_API_TABLE_H

#include <stdint.h>

enum pb_plane { PB_PLANE_DATA, PB_PLANE_CONTROL };
struct pb_api_row {
    const char *name;
    int16_t key;
    int16_t advertised_min, version_max;                                    /* what ApiVersions says */
    int16_t served_min;                                                     /* below it a request is refused, though advertised (Produce 0-2) */
    int16_t flexible_from;                                                  /* first version with tagged fields; INT16_MAX: never */
    enum pb_plane plane;
};
extern const struct pb_api_row pb__api_rows[];
extern const int32_t pb__api_row_count;
/* NULL: not served. */
const struct pb_api_row *pb__api_row(int16_t key);

#endif
