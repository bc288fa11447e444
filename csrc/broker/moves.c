/* broker/moves.c — partitions between log directories: the calls of the mover, and what part/move.c needs of checkpoints. */
#include "broker/broker.h"

#include "base/assert.h"
#include "part/move.h"

int pb_broker_move_begin(struct pb_broker *broker, const uint8_t topic_id[16], int32_t index, int32_t log_dir) {
    struct pb_partition *partition;
    int rc = pb__partition_map_find_id(&broker->map, topic_id, index, &partition, NULL);
    if (rc < 0) return rc;
    rc = pb__move_begin(partition, log_dir);
    pb__partition_put(partition);
    return rc;
}

int pb_broker_move_cancel(struct pb_broker *broker, const uint8_t topic_id[16], int32_t index) {
    struct pb_partition *partition;
    int rc = pb__partition_map_find_id(&broker->map, topic_id, index, &partition, NULL);
    if (rc < 0) return rc;
    pb__move_cancel(partition);
    pb__partition_put(partition);
    return 0;
}

/* Before the exchange the new directory's checkpoint must know where the log begins: nothing else would tell, after a crash. */
static int note_start(struct pb_broker *broker, struct pb_partition *partition) {
    pthread_mutex_lock(&partition->lock);
    bool wanted = partition->move != NULL && partition->move->closing && !partition->move->start_noted;
    pthread_mutex_unlock(&partition->lock);
    int rc = wanted ? pb__log_dirs_checkpoint_starts(broker) : 0;
    pthread_mutex_lock(&partition->lock);
    if (wanted && rc == 0 && partition->move != NULL) partition->move->start_noted = true;
    if (rc < 0) pb__move_drop(partition);
    pthread_mutex_unlock(&partition->lock);
    return rc;
}

int pb_broker_move_step(struct pb_broker *broker, const uint8_t topic_id[16], int32_t index, int64_t bytes_max, int64_t *copied_out) {
    struct pb_partition *partition;
    *copied_out = 0;
    int rc = pb__partition_map_find_id(&broker->map, topic_id, index, &partition, NULL);
    if (rc < 0) return rc;
    rc = pb__move_step(partition, bytes_max, copied_out);
    if (rc > 0) {
        int rc_note = note_start(broker, partition);
        rc = rc_note < 0 ? rc_note : rc;
    }
    pb__partition_put(partition);
    /* The old directory's lines go, the new one's tell the recovery point. Without them a start reads more, no more. */
    if (rc == 0 && pb__log_dirs_checkpoint(broker, NULL) < 0) pb__env_log(broker->env, PB_LOG_WARNING, "event=checkpoint-after-move-not-written");
    return rc;
}
