'use strict';

/**
 * Run as a process of its own: has the Temporal SDK download the CLI release argv[3] into the folder argv[2]. The SDK
 * starts the server to do so and offers no way to give up, which a process does: it can be ended.
 */
const { TestWorkflowEnvironment } = require('@temporalio/testing');

async function main() {
  const [, , downloadDir, version] = process.argv;
  const environment = await TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'cached-download', downloadDir, version } },
  });
  await environment.teardown();
}

main().catch((error) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
