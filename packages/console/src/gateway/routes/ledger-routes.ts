import { Hono } from 'hono';
import { flagOf, requiredText, textOf } from '../body-fields';
import { runForText, runJson } from '../commands';
import type { CommandLine, CommandResponse } from '../commands';
import { GatewayRefusal } from '../http-error';
import type { GatewayParts } from '../parts';
import { confirmedProduction } from '../start-sweep';
import type { RateLine, RequestLine, RequestList, StartedAgain, StopLine } from '../wire-operations';
import { readStop } from '../workers';
import { confirmationOf, jsonBody } from './json-body';
import { idsOf } from './operation-routes';

/** Requests of one page. */
const PAGE = 100;

/** To be typed before calls are sent again. */
const START = 'start';

/** Fields of a new request. */
const REQUEST = 'ids receivedAt law due reference requestedBy account'.split(' ');

type Body = Record<string, unknown>;

/** Routes for what counts for all workers of a ledger: the register of requests, limits on calls, and the emergency stop. */
export function ledgerRoutes(parts: GatewayParts): Hono {
  return new Hono()
    .get('/requests', async (context) => context.json(await listRequests(parts, context.req.query())))
    .get('/requests/file', async (context) => {
      const options = { ...filterOf(context.req.query()), csv: true };
      const csv = await runForText(parts, { command: ['register'], options });
      return context.body(csv, 200, {
        'content-type': 'text/csv; charset=utf-8',
        'content-disposition': 'attachment',
      });
    })
    .post('/requests', async (context) => context.json(await addRequest(parts, await jsonBody(context, REQUEST)), 201))
    .post('/requests/:request/:decision', async (context) => {
      const { request, decision } = context.req.param();
      return context.json(await decide(parts, { request, decision, body: await jsonBody(context, ['why', 'by']) }));
    })
    .get('/rates', async (context) =>
      context.json((await runJson<RateLine[]>(parts, { command: ['rate', 'show'] })).document),
    )
    .post('/rates', async (context) => {
      const body = await jsonBody(context, ['key', 'calls']);
      const operands = [requiredText(body, 'key'), requiredText(body, 'calls')];
      return context.json(await runJson<RateLine[]>(parts, { command: ['rate', 'set'], operands }));
    })
    .post('/rates/clear', async (context) => {
      const operands = [requiredText(await jsonBody(context, ['key']), 'key')];
      return context.json(await runJson<RateLine[]>(parts, { command: ['rate', 'clear'], operands }));
    })
    .get('/stop', async (context) => context.json(await readStop(parts)))
    .post('/stop', async (context) => {
      const body = await jsonBody(context, ['reason', 'by']);
      const options = { reason: requiredText(body, 'reason'), by: requiredText(body, 'by') };
      return context.json(await runJson<StopLine>(parts, { command: ['stop'], options }));
    })
    .post('/start', async (context) =>
      context.json(await startAgain(parts, await jsonBody(context, ['by', 'resume', 'confirm']))),
    );
}

function filterOf({ show, dueBefore }: Record<string, string>): NonNullable<CommandLine['options']> {
  if (show !== undefined && !['all', 'open', 'overdue'].includes(show))
    throw new GatewayRefusal(400, 'Query', 'show must be all, open or overdue.');
  return { open: show === 'open', overdue: show === 'overdue', 'due-before': dueBefore === '' ? undefined : dueBefore };
}

async function listRequests(parts: GatewayParts, query: Record<string, string>): Promise<RequestList> {
  const options = { ...filterOf(query), after: query['after'], limit: PAGE + 1 };
  const { document } = await runJson<RequestLine[]>(parts, { command: ['register'], options });
  const requests = document.slice(0, PAGE);
  const last = requests.at(-1);
  return { requests, ...(last && document.length > PAGE && { after: last.id }) };
}

async function addRequest(parts: GatewayParts, body: Body): Promise<CommandResponse<RequestLine>> {
  const option = (field: string): string | undefined => textOf(body[field], field);
  return runJson(parts, {
    command: ['register', 'add'],
    options: {
      id: idsOf(body),
      'received-at': option('receivedAt'),
      law: option('law'),
      due: option('due'),
      reference: option('reference'),
      'requested-by': option('requestedBy'),
      account: option('account'),
    },
  });
}

async function decide(
  parts: GatewayParts,
  { request, decision, body }: { request: string; decision: string; body: Body },
): Promise<CommandResponse<RequestLine>> {
  if (decision !== 'extend' && decision !== 'refuse')
    throw new GatewayRefusal(404, 'NotFound', `There is no "${decision}"; there are extend and refuse.`);
  return runJson(parts, {
    command: ['register', decision],
    options: { why: requiredText(body, 'why'), by: requiredText(body, 'by') },
    operands: [request],
  });
}

/** Lifts the stop. Runs that wait then delete again, so that this is confirmed like the start of one. */
async function startAgain(parts: GatewayParts, body: Body): Promise<CommandResponse<StartedAgain>> {
  await confirmedProduction(parts, confirmationOf(body['confirm']), { task: START, named: true });
  return runJson(parts, {
    command: ['start'],
    options: {
      by: requiredText(body, 'by'),
      'no-resume': body['resume'] !== undefined && !flagOf(body['resume'], 'resume'),
    },
  });
}
