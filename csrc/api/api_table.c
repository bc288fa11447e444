#include "api/api_table.h"

#include <stddef.h>

#define PB_API_ROW(key_, name_, advertised_min_, version_max_, served_min_, flexible_from_, plane_)                                        \
    { .name = #name_, .key = key_, .advertised_min = advertised_min_, .version_max = version_max_, .served_min = served_min_,             \
      .flexible_from = flexible_from_, .plane = PB_PLANE_##plane_ },
const struct pb_api_row pb__api_rows[] = {
#include "api_table.inc"
};
#undef PB_API_ROW
const int32_t pb__api_row_count = sizeof pb__api_rows / sizeof pb__api_rows[0];

const struct pb_api_row *pb__api_row(int16_t key) {
    int32_t low = 0, high = pb__api_row_count;                              /* rows are in order of key */
    while (low < high) {
        int32_t middle = (low + high) / 2;
        if (pb__api_rows[middle].key < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < pb__api_row_count && pb__api_rows[low].key == key ? &pb__api_rows[low] : NULL;
}
