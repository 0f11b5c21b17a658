import { Client as Pg } from 'pg';
import { connectClient, freshTaskQueue } from '../support/temporal';
import { freshPostgresUrl } from '../support/postgres';

it('the test run has a Temporal server that starts workflows', async () => {
  const client = await connectClient();
  const handle = await client.workflow.start('nobody', { taskQueue: freshTaskQueue(), workflowId: freshTaskQueue() });
  await expect(handle.describe()).resolves.toMatchObject({ status: { name: 'RUNNING' } });
  await handle.terminate();
  await client.connection.close();
});

it('the test run has a Postgres that gives each test file a database of its own', async () => {
  const pg = new Pg({ connectionString: await freshPostgresUrl() });
  await pg.connect();
  const { rows } = await pg.query('select current_database() as name');
  expect(rows).toEqual([{ name: expect.stringMatching(/^t_/) }]);
  await pg.end();
});
