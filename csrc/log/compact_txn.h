/* log/compact_txn.h — what the cleaner knows of transactions on its way through a log: whose batches are aborted, which markers are still needed.
 *
 * The way     batches are told of in order of offset. A transaction is aborted from its first offset to its marker, as the transaction index says. A marker is
 *             needed while a batch of its transaction is left, if an empty one
 * Bounds      an entry per producer with a transaction between first and last batch seen; gone with its marker
 * Thread      one
 * Source      kafka:storage CleanedTransactionMetadata */
#ifndef PB_LOG_COMPACT_TXN_H
#define PB_LOG_COMPACT_TXN_H

#include "log/producer_state.h"

struct pb_compact_open { int64_t producer_id; const struct pb_completed_txn *aborted; bool seen, committed; };
struct pb_compact_txns {
    const struct pb_env *env;
    const struct pb_completed_txn *aborted;                                 /* lent until the end: in order of first offset */
    int32_t aborted_count, aborted_next;
    struct pb_compact_open *slots;                                          /* open addressing; producer_id -1: free */
    int32_t capacity, count;
};

void pb__compact_txns_init(struct pb_compact_txns *txns, const struct pb_env *env, const struct pb_completed_txn *aborted, int32_t count);
void pb__compact_txns_deinit(struct pb_compact_txns *txns);
/* A batch with records: 1 it was aborted, 0 it was not; PB_E_NOMEM. */
int pb__compact_txns_batch(struct pb_compact_txns *txns, const struct pb_batch *batch);
/* A control batch: 1 nothing of its transaction is left, 0 it is needed; then *entry_out (NULL: none) is what the index shall say of it. PB_E_NOMEM. */
int pb__compact_txns_marker(struct pb_compact_txns *txns, const struct pb_batch *batch, const struct pb_completed_txn **entry_out);

#endif
