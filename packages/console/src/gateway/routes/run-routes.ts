import { Hono } from 'hono';
import { textOf } from '../body-fields';
import { GatewayRefusal } from '../http-error';
import type { GatewayParts } from '../parts';
import { readBundle, readReport, receiptsFile, RECEIPT_FORMATS } from '../run-ledger';
import { listRuns, readRun, steerSweep } from '../runs';
import type { SweepAction } from '../runs';
import { startForms } from '../start-forms';
import { readPlan, redriveSweep } from '../start-sweep';
import { confirmationOf, jsonBody } from './json-body';

const ACTIONS: readonly string[] = ['pause', 'resume', 'approve', 'cancel', 'rate'] satisfies SweepAction[];

/** Routes for offboardings and sweeps in Temporal. */
export function runRoutes(parts: GatewayParts): Hono {
  return (
    new Hono()
      .get('/runs', async (context) => context.json(await listRuns(parts, context.req.query())))
      // Not a GET, because it creates the examples behind the links on the server.
      .post('/start-forms', async (context) => context.json(await startForms(parts)))
      .get('/runs/:workflowId', async (context) => {
        const runId = context.req.query('runId');
        return context.json(
          await readRun(parts, { workflowId: context.req.param('workflowId'), ...(runId !== undefined && { runId }) }),
        );
      })
      .get('/runs/:workflowId/receipts', async (context) => {
        const { workflowId } = context.req.param();
        const format = context.req.query('format') ?? '';
        const mediaType = Object.hasOwn(RECEIPT_FORMATS, format) ? RECEIPT_FORMATS[format] : undefined;
        if (mediaType === undefined) throw new GatewayRefusal(400, 'Query', 'format must be csv or jsonl.');
        const lines = await receiptsFile(parts, workflowId, format);
        return context.body(lines, 200, { 'content-type': mediaType, 'content-disposition': 'attachment' });
      })
      .get('/runs/:workflowId/plan', async (context) => {
        const run = { workflowId: context.req.param('workflowId'), runId: context.req.query('runId') };
        return context.json(await readPlan(parts, run));
      })
      .get('/runs/:workflowId/report', async (context) => {
        const html = await readReport(parts, context.req.param('workflowId'));
        return context.body(html, 200, {
          'content-type': 'text/html; charset=utf-8',
          'content-disposition': 'attachment',
        });
      })
      .get('/runs/:workflowId/bundle', async (context) => {
        const bundle = await readBundle(parts, context.req.param('workflowId'));
        return context.body(bundle, 200, {
          'content-type': 'application/jsonl; charset=utf-8',
          'content-disposition': 'attachment',
        });
      })
      .post('/runs/:workflowId/redrive', async (context) => {
        const { requestedBy, confirm } = await jsonBody(context, ['requestedBy', 'confirm']);
        const wanted = { requestedBy, confirm: confirmationOf(confirm) };
        return context.json(await redriveSweep(parts, context.req.param('workflowId'), wanted), 201);
      })
      .post('/runs/:workflowId/:action', async (context) => {
        const { workflowId, action } = context.req.param();
        if (!isAction(action))
          throw new GatewayRefusal(404, 'NotFound', `There is no "${action}"; there are ${ACTIONS.join(', ')}.`);
        // The argument of an approval or of a rate is checked as that of the workflow's update.
        const fields = ['approve', 'rate'].includes(action) ? 'any' : ['runId', 'confirm'];
        const { runId: given, confirm, ...argument } = await jsonBody(context, fields);
        const runId = textOf(given, 'runId');
        const run = { workflowId, ...(runId !== undefined && { runId }) };
        return context.json(await steerSweep(parts, run, { action, argument, confirm: confirmationOf(confirm) }));
      })
  );
}

function isAction(text: string): text is SweepAction {
  return ACTIONS.includes(text);
}
