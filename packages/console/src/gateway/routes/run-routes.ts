import { Hono } from 'hono';
import { GatewayRefusal } from '../http-error';
import type { GatewayParts } from '../parts';
import { listRuns, readRun, steerSweep } from '../runs';
import type { SweepAction } from '../runs';
import { startForms } from '../start-forms';
import { confirmationOf } from './call-request';
import { jsonBody } from './json-body';

const ACTIONS: readonly string[] = ['pause', 'resume', 'approve'] satisfies SweepAction[];

/** Routes for offboardings and sweeps in Temporal. */
export function runRoutes(parts: GatewayParts): Hono {
  return (
    new Hono()
      .get('/runs', async (context) => context.json(await listRuns(parts)))
      // Not a GET, because it creates the examples behind the links on the server.
      .post('/start-forms', async (context) => context.json(await startForms(parts)))
      .get('/runs/:workflowId', async (context) => {
        const runId = context.req.query('runId');
        return context.json(
          await readRun(parts, { workflowId: context.req.param('workflowId'), ...(runId !== undefined && { runId }) }),
        );
      })
      .post('/runs/:workflowId/:action', async (context) => {
        const { workflowId, action } = context.req.param();
        if (!isAction(action))
          throw new GatewayRefusal(404, 'NotFound', `There is no "${action}"; there are ${ACTIONS.join(', ')}.`);
        const { runId, confirm, ...argument } = await jsonBody(context);
        const run = { workflowId, ...(typeof runId === 'string' && { runId }) };
        return context.json(await steerSweep(parts, run, { action, argument, confirm: confirmationOf(confirm) }));
      })
  );
}

function isAction(text: string): text is SweepAction {
  return ACTIONS.includes(text);
}
