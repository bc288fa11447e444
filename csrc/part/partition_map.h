/* part/partition_map.h — all topics of this broker: by name and by id.
 *
 * Thread      look-ups from any thread (shared lock), changes from the control thread (exclusive lock)
 * Owner       struct pb_broker */
#ifndef PB_PART_PARTITION_MAP_H
#define PB_PART_PARTITION_MAP_H

#include "part/partition.h"

struct pb_partition_map {
    pthread_rwlock_t lock;
    struct pb_part_shared *shared;
    uint64_t seed;                                                          /* of the hash: names come from outside */
    struct pb_topic **by_name, **by_id;                                     /* open addressing, capacity a power of two */
    int32_t capacity, count;
};

int pb__partition_map_init(struct pb_partition_map *map, struct pb_part_shared *shared);
void pb__partition_map_deinit(struct pb_partition_map *map);                /* closes what is left without syncing */

/* The partition with one reference, and a copy of its topic's rules (NULL: not wanted; its hooks come with one reference). PB_E_UNKNOWN_PARTITION / PB_E_UNKNOWN_TOPIC_ID. */
int pb__partition_map_find(struct pb_partition_map *map, const uint8_t *name, int32_t name_size, int32_t index, struct pb_partition **partition_out,
                           struct pb_topic_rules *rules_out);
int pb__partition_map_find_id(struct pb_partition_map *map, const uint8_t id[16], int32_t index, struct pb_partition **partition_out,
                              struct pb_topic_rules *rules_out);

/* Name of a topic, copied; its size. PB_E_UNKNOWN_TOPIC_ID. */
int32_t pb__partition_map_name(struct pb_partition_map *map, const uint8_t id[16], uint8_t name[PB_TOPIC_NAME_BYTES_MAX]);

/* One partition to be, as the control plane says it. */
struct pb_partition_place { int32_t index, log_dir, leader_epoch; int64_t recovery_point, checkpoint_start, cleaned_to; };
/* Create the topic or change it. log_config is copied, rules->hooks is taken in every case. PB_E_NOMEM; nothing changed then. */
int pb__partition_map_put(struct pb_partition_map *map, const uint8_t id[16], const char *name, const struct pb_partition_place *places, int32_t place_count,
                          const struct pb_topic_rules *rules, const struct pb_log_config *log_config);
/* Take the topic out, mark its partitions deleted, wake who waits, remove the files. PB_E_NOENT. */
int pb__partition_map_remove(struct pb_partition_map *map, const uint8_t id[16]);
/* Every partition, one after the other, without the map's lock (a snapshot with references). Ends with the first non-zero result. */
typedef int (*pb_partition_fn)(void *context, struct pb_partition *partition);
int pb__partition_map_each(struct pb_partition_map *map, pb_partition_fn each, void *context);

#endif
