/* log/log_copy.h — a second log of the same partition in another log directory, filled from the first until it takes its place.
 *
 * On disk     <other log.dir>/<topic>-<partition>.<32 hex digits>-future/, Kafka's name; renamed <topic>-<partition> when it takes over
 * Thread      one at a time; pb__log_take_over under the partition's lock
 * Owner       struct pb_move (part/move.h) until it takes over
 * Source      KIP-113; kafka:storage LogManager.replaceCurrentWithFutureLog */
#ifndef PB_LOG_LOG_COPY_H
#define PB_LOG_LOG_COPY_H

#include "log/log.h"

/* A log without files yet, to be filled from start_offset on. As pb__log_open; PB_E_EXISTS: the directory has this partition already. */
int pb__log_open_future(const struct pb_log_options *options, struct pb_log **log_out);
/* Append whole batches as they are, with the offsets and epochs they have; a piece of a batch at the end is left. bytes: borrowed, written to. *taken_out: bytes
 * of whole batches. 0 or as pb__log_append. */
int pb__log_append_copy(struct pb_log *log, uint8_t *bytes, size_t size_bytes, int64_t now_ms, size_t *taken_out);
/* `future` ends where `log` ends: it gets the final name on disk and what only memory knows of the other (producers, epochs, log start). Nothing changed on PB_E_IO,
 * PB_E_EXISTS. The names become durable with the next sync of future. */
int pb__log_take_over(struct pb_log *future, struct pb_log *log);
/* Make the name that pb__log_take_over gave durable: without any lock. */
int pb__log_sync_names(const struct pb_log *log);

#endif
