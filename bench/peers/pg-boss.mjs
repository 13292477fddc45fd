// Drives pg-boss: fills a database, adds jobs one by one or a thousand at once, and drains it with four workers.

import pg from "pg";
import { PgBoss } from "pg-boss";
import { addInChunks, callsPerSecond, connectionString, jobName, later, main, now, payload, until, warmUpJobs } from "./driver.mjs";

const workerSettings = { batchSize: 1000, burstWhenBatchFull: true, localConcurrency: 4 };

await main({
  async prepare({ due, waiting }) {
    await withBoss(async (boss) => {
      await add(boss, due);
      await add(boss, waiting, later);
    });
    return { due, waiting };
  },

  async enqueue({ connections, seconds }) {
    return withBoss(
      async (boss) => ({ rate: (await callsPerSecond(connections, seconds, () => boss.send(jobName, payload()))).perSecond }),
      { connections },
    );
  },

  async "enqueue-many"({ connections, seconds, size }) {
    return withBoss(
      async (boss) => ({
        rate: size * (await callsPerSecond(connections, seconds, () => boss.insert(jobName, jobs(size)))).perSecond,
      }),
      { connections },
    );
  },

  async drain({ due }) {
    await withBoss(
      async (boss) => {
        await add(boss, warmUpJobs);
        await drainWith(boss, "warm_up", warmUpJobs);
      },
      { schema: "warm_up" },
    );
    const seconds = await withBoss((boss) => drainWith(boss, "pgboss", due));
    const completed = Number((await query("SELECT count(*) FROM pgboss.job WHERE state = 'completed'")).rows[0].count);
    if (completed !== due) throw new Error(`${completed} jobs completed instead of ${due}: the figure would mean nothing.`);
    return { rate: due / seconds, seconds };
  },
});

/** Seconds from the first job's start until the last one's completion is in the database. */
async function drainWith(boss, schema, count) {
  let started;
  let handled = 0;
  // A batch is completed by one statement: when the first of each is, all are.
  const firstOfBatches = [];
  await boss.work(jobName, workerSettings, async (batch) => {
    started ??= now();
    handled += batch.length;
    firstOfBatches.push(batch[0].id);
  });
  await until(() => handled >= count);

  const client = new pg.Client({ connectionString });
  await client.connect();
  const completed = `SELECT count(*)::int AS count FROM ${schema}.job WHERE name = $1 AND id = ANY($2) AND state = 'completed'`;
  await until(async () => (await client.query(completed, [jobName, firstOfBatches])).rows[0].count === firstOfBatches.length);
  const finished = now();
  await client.end();
  return (finished - started) / 1000;
}

function jobs(count, startAfter) {
  return Array.from({ length: count }, () => ({ data: payload(), startAfter: startAfter?.() }));
}

async function add(boss, count, startAfter) {
  await addInChunks(count, (size) => boss.insert(jobName, jobs(size, startAfter)));
}

async function query(text) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return await client.query(text);
  } finally {
    await client.end();
  }
}

/** Without cron and maintenance, which have nothing to do here. */
async function withBoss(use, { connections = 10, schema = "pgboss" } = {}) {
  const boss = new PgBoss({ connectionString, schema, max: connections, schedule: false, supervise: false });
  boss.on("error", (error) => {
    console.error(error);
    process.exit(1);
  });
  await boss.start();
  try {
    await boss.createQueue(jobName);
    return await use(boss);
  } finally {
    await boss.stop({ graceful: false });
  }
}
