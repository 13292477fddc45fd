// How graphile-worker is set for many tiny jobs, as its page on performance says.

import { Logger } from "graphile-worker";

export const quiet = new Logger(() => () => {});

/** Where the jobs are that run before those that count. */
export const warmUpSchema = "warm_up";

export const workerSettings = {
  concurrentJobs: 24,
  localQueue: { size: 500 },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
};
