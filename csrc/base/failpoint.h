/* base/failpoint.h — named places at which a debug build can be made to end, to stop, or to fail, so that a test can look at what a crash leaves there.
 *
 * Debug builds only: in a release PB_FAILPOINT is nothing, and neither names nor calls are in the program.
 * The table is the one list of places; tests/model plays each of them and fails when one is not met. What happens there is the environment's:
 * _core/env_posix.c reads PYBROKER_FAILPOINT=name[:count][:action], where count is which time it is met (1) and action is
 *     exit     the process ends at once, as by kill -9, with status PB_FAILPOINT_STATUS (default)
 *     stop     the whole process is stopped, so that somebody can cut its power
 *     eio, enospc   the next file call of this thread fails
 * Thread      any */
#ifndef PB_BASE_FAILPOINT_H
#define PB_BASE_FAILPOINT_H

#include "base/env.h"

enum { PB_FAILPOINT_STATUS = 77 };

/*    name                      as told                    what is done, and what is not */
#define PB_FAILPOINTS(X)                                                                                                                   \
    X(APPEND_BEFORE_WRITE,      "append.before-write")      /* offsets are given, nothing is in the file */                                \
    X(APPEND_AFTER_WRITE,       "append.after-write")       /* in the file; the log does not know of it */                                 \
    X(APPEND_NOTED,             "append.noted")             /* the log's end has moved; no answer, no sync */                              \
    X(APPEND_EPOCH,             "append.epoch")             /* a new leader epoch is in its file, its first batch is not in the log */     \
    X(DIR_MADE,                 "dir.made")                 /* the partition's directory is there, empty */                                \
    X(DIR_DONE,                 "dir.done")                 /* and has its partition.metadata */                                           \
    X(ROLL_BEFORE_SEAL,         "roll.before-seal")         /* the active segment is full */                                               \
    X(ROLL_SEALED,              "roll.sealed")              /* indexes and snapshot of the old segment are written */                      \
    X(ROLL_DONE,                "roll.done")                /* the new segment is the active one, without a batch */                       \
    X(SEAL_INDEXED,             "seal.indexed")             /* indexes are written, the snapshot is not */                                 \
    X(SEAL_SNAPSHOT,            "seal.snapshot")            /* and the snapshot is */                                                      \
    X(INDEX_BEFORE_FLUSH,       "index.before-flush")       /* entries are in memory alone */                                              \
    X(INDEX_AFTER_OFFSETS,      "index.after-offsets")      /* offset entries are written, time entries are not */                         \
    X(INDEX_AFTER_TIMES,        "index.after-times")        /* both are written */                                                         \
    X(SYNC_BEGUN,               "sync.begun")               /* it is known what to sync, nobody does it yet */                             \
    X(SYNC_BEFORE_FILES,        "sync.before-files")        /* a worker is about to sync the first file */                                 \
    X(SYNC_AFTER_FILES,         "sync.after-files")         /* all logs are synced, names are not */                                       \
    X(SYNC_AFTER_DIR,           "sync.after-dir")           /* names in the partition's directory are, the directory's own name is not */  \
    X(SYNC_AFTER_NAMES,         "sync.after-names")         /* all is synced */                                                            \
    X(SYNC_DONE,                "sync.done")                /* and the log knows it; nobody has an answer */                               \
    X(REPLACE_BEGUN,            "replace.begun")            /* a small file is about to be replaced */                                     \
    X(REPLACE_OPENED,           "replace.opened")           /* its new copy is there, empty */                                             \
    X(REPLACE_WRITTEN,          "replace.written")          /* and has its content, not synced */                                          \
    X(REPLACE_SYNCED,           "replace.synced")           /* and is closed, under the temporary name */                                  \
    X(REPLACE_RENAMED,          "replace.renamed")          /* and has the name, which is not synced */                                    \
    X(SNAPSHOT_SWEPT,           "snapshot.swept")           /* a snapshot that is no more needed is removed */                             \
    X(CHECKPOINT_BEGUN,         "checkpoint.begun")         /* offsets are gathered, no file is written */                                 \
    X(CHECKPOINT_POINTS,        "checkpoint.points")        /* recovery points are written */                                              \
    X(CHECKPOINT_STARTS,        "checkpoint.starts")        /* and log starts */                                                           \
    X(CHECKPOINT_MARKS,         "checkpoint.marks")         /* and high watermarks */                                                      \
    X(STOP_SEALED,              "stop.sealed")              /* a log's derived files are written, it is not synced */                      \
    X(STOP_SYNCED,              "stop.synced")              /* it is synced for the last time */                                           \
    X(CLEAN_BEFORE_MARK,        "clean.before-mark")        /* all logs are closed, the clean mark is not set */                           \
    X(CLEAN_MARKED,             "clean.marked")             /* it is */                                                                    \
    X(CLEAN_SEEN,               "clean.seen")               /* at start: the mark is there */                                              \
    X(CLEAN_UNLINKED,           "clean.unlinked")           /* it is removed, which is not synced */                                       \
    X(CLEAN_TAKEN,              "clean.taken")              /* and that too */                                                             \
    X(START_LOCKED,             "start.locked")             /* the directory is ours, nothing is read */                                   \
    X(START_CHECKPOINTS_READ,   "start.checkpoints-read")   /* recovery points and starts are known */                                     \
    X(RECOVER_LISTED,           "recover.listed")           /* segments are known by name and size */                                      \
    X(RECOVER_EPOCHS,           "recover.epochs")           /* leader epochs are known */                                                  \
    X(RECOVER_PRODUCERS,        "recover.producers")        /* producers are known as they were where checking begins */                   \
    X(RECOVER_SEGMENT,          "recover.segment")          /* batches of a segment are checked, nothing is cut */                         \
    X(RECOVER_SEALED,           "recover.sealed")           /* indexes of a segment that grows no more are made anew */                    \
    X(RECOVER_BEFORE_CUT,       "recover.before-cut")       /* the log ends before its files do */                                         \
    X(RECOVER_SEGMENT_DROPPED,  "recover.segment-dropped")  /* a segment behind the end is removed */                                      \
    X(RECOVER_DROPPED,          "recover.dropped")          /* all of them are, the last one is not cut */                                 \
    X(RECOVER_AFTER_CUT,        "recover.after-cut")        /* it is, which is not synced */                                               \
    X(RECOVER_STATE,            "recover.state")            /* all of a log is known, nothing of what was made anew is synced */           \
    X(START_ADVANCED,           "start.advanced")           /* the log begins later; no file is removed, no checkpoint says so */          \
    X(REMOVE_RENAMED,           "remove.renamed")           /* one file of the oldest segment has its last name */                         \
    X(REMOVE_DONE,              "remove.done")              /* all of them have, and the log begins behind them */                         \
    X(REMOVE_UNLINKED,          "remove.unlinked")          /* one of them is removed */                                                   \
    X(DELETE_BEFORE_RENAME,     "delete.before-rename")     /* a partition is gone for clients, its files have their names */              \
    X(DELETE_RENAMED,           "delete.renamed")           /* the directory has its last name */                                          \
    X(DELETE_FILE_REMOVED,      "delete.file-removed")      /* one of its files is removed */                                              \
    X(DELETE_EMPTIED,           "delete.emptied")           /* all are, the directory is not */                                            \
    X(DELETE_DONE,              "delete.done")              /* nothing of it is left */

#define PB_FAILPOINT_ENUM(name, text) PB_FAILPOINT_##name,
enum pb_failpoint { PB_FAILPOINTS(PB_FAILPOINT_ENUM) PB_FAILPOINT_COUNT };
#undef PB_FAILPOINT_ENUM

#ifdef PB_DEBUG
#define PB_FAILPOINT(env, name) pb__failpoint((env), PB_FAILPOINT_##name)
#else
#define PB_FAILPOINT(env, name) ((void)0)
#endif

/* This place is met. Returns, unless the environment was told otherwise. */
void pb__failpoint(const struct pb_env *env, enum pb_failpoint point);
/* Its name as in the table. Static text. */
const char *pb_failpoint_name(enum pb_failpoint point);

#endif
