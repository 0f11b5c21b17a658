import { Hono } from 'hono';
import { flagOf, requiredText, textOf, textsOf } from '../body-fields';
import { runJson } from '../commands';
import type { CommandLine, CommandResponse } from '../commands';
import { GatewayRefusal } from '../http-error';
import type { GatewayParts } from '../parts';
import { confirmedProduction } from '../start-sweep';
import type {
  HoldCheck,
  HoldFileCheck,
  HoldFileCounts,
  HoldLine,
  HoldLogLine,
  PolicyPage,
  ProviderLine,
  ProviderPage,
  ScheduleLine,
  SchedulePage,
} from '../wire-operations';
import { confirmationOf, jsonBody } from './json-body';

/** Fields that say which user a hold is about, which file has users, and who wants it. */
const USER = ['ids', 'account', 'environment'];
const HOLD_FILE = ['upload', 'ignoreColumns', 'account', 'environment'];
const WHY = ['reason', 'by'];

/** Fields of a new schedule. */
const SCHEDULE = 'name source plan cron every timezone note paused pauseOnFailure confirm'.split(' ');

/** Changes of a schedule, with their fields; `delete` and `pause` start nothing. */
const SCHEDULE_ACTIONS: Readonly<Record<string, readonly string[]>> = {
  pause: ['note', 'confirm'],
  resume: ['note', 'confirm'],
  trigger: ['note', 'confirm'],
  backfill: ['from', 'to', 'confirm'],
  delete: ['note', 'confirm'],
};
const STARTING: readonly string[] = ['resume', 'trigger', 'backfill'];

/** Routes for holds, schedules, providers and the policy: each is a command of the same name. */
export function operationRoutes(parts: GatewayParts): Hono {
  return new Hono()
    .get('/holds', async (context) =>
      context.json((await runJson<HoldLine[]>(parts, { command: ['hold', 'list'] })).document),
    )
    .get('/holds/log', async (context) =>
      context.json((await runJson<HoldLogLine[]>(parts, { command: ['hold', 'log'] })).document),
    )
    .post('/holds', async (context) =>
      context.json(await addHold(parts, await jsonBody(context, [...USER, ...WHY])), 201),
    )
    .post('/holds/file', async (context) =>
      context.json(await addHoldsOfFile(parts, await jsonBody(context, [...HOLD_FILE, ...WHY])), 201),
    )
    .post('/holds/check', async (context) =>
      context.json(await checkHolds(parts, await jsonBody(context, [...USER, ...HOLD_FILE]))),
    )
    .post('/holds/remove', async (context) =>
      context.json(await removeHold(parts, await jsonBody(context, ['hold', ...WHY]))),
    )
    .get('/schedules', async (context) =>
      context.json((await runJson<ScheduleLine[]>(parts, { command: ['schedule', 'list'] })).document),
    )
    .get('/schedules/:name', async (context) => {
      const line: CommandLine = { command: ['schedule', 'show'], operands: [context.req.param('name')] };
      return context.json((await runJson<SchedulePage>(parts, line)).document);
    })
    .post('/schedules', async (context) =>
      context.json(await createSchedule(parts, await jsonBody(context, SCHEDULE)), 201),
    )
    .post('/schedules/:name/:action', async (context) => {
      const { name, action } = context.req.param();
      const fields = SCHEDULE_ACTIONS[action];
      if (!fields || !Object.hasOwn(SCHEDULE_ACTIONS, action))
        throw new GatewayRefusal(
          404,
          'NotFound',
          `There is no "${action}"; there are ${Object.keys(SCHEDULE_ACTIONS).join(', ')}.`,
        );
      return context.json(await changeSchedule(parts, { name, action, body: await jsonBody(context, fields) }));
    })
    .get('/providers', async (context) =>
      context.json((await runJson<ProviderLine[]>(parts, { command: ['providers', 'list'] })).document),
    )
    .get('/providers/:name', async (context) => {
      const name = context.req.param('name');
      // Anything else would be the path of a file.
      if (!/^[a-z][A-Za-z0-9]*$/.test(name))
        throw new GatewayRefusal(404, 'NotFound', 'There is no provider of this name.');
      const { document } = await runJson<ProviderPage>(parts, { command: ['providers', 'show'], operands: [name] });
      return context.json(document);
    })
    .get('/policy', async (context) =>
      context.json((await runJson<PolicyPage>(parts, { command: ['policy', 'show'] })).document),
    );
}

type Body = Record<string, unknown>;

/** An ID at a provider, as the command takes it. */
const ID = /^[a-z][A-Za-z0-9]*\.[a-z][A-Za-z0-9]*=./su;

/** @throws GatewayRefusal unless they are IDs; anything else would be taken for the ID of a hold. */
export function idsOf(body: Body): string[] {
  const ids = Array.isArray(body['ids']) ? (body['ids'] as unknown[]) : [];
  const wrong = ids.findIndex((id) => typeof id !== 'string' || !ID.test(id));
  if (ids.length === 0 || wrong >= 0)
    throw new GatewayRefusal(400, 'Task.InvalidInput', 'Give at least one ID of the user, as PROVIDER.ID=VALUE.', {
      field: 'ids',
    });
  return ids as string[];
}

function placeOf(body: Body): NonNullable<CommandLine['options']> {
  return {
    account: textOf(body['account'], 'account'),
    environment: textOf(body['environment'], 'environment'),
  };
}

/** Sets a hold on one user. A reason is required here, since a hold without one cannot be judged later. */
async function addHold(parts: GatewayParts, body: Body): Promise<CommandResponse<{ holdId: string }>> {
  return runJson(parts, {
    command: ['hold', 'add'],
    options: {
      id: idsOf(body),
      reason: requiredText(body, 'reason'),
      by: requiredText(body, 'by'),
      ...placeOf(body),
    },
  });
}

/** Sets a hold on each user of an uploaded file. The reason counts for rows without one of their own. */
async function addHoldsOfFile(parts: GatewayParts, body: Body): Promise<CommandResponse<HoldFileCounts>> {
  const { options, input } = holdFileOf(parts, body);
  return runJson(parts, {
    command: ['hold', 'add'],
    options: { ...options, reason: requiredText(body, 'reason'), by: requiredText(body, 'by') },
    input,
  });
}

async function checkHolds(parts: GatewayParts, body: Body): Promise<CommandResponse<HoldCheck | HoldFileCheck>> {
  const command = ['hold', 'check'];
  if (body['upload'] !== undefined) return runJson(parts, { command, ...holdFileOf(parts, body) });
  return runJson(parts, { command, options: { id: idsOf(body), ...placeOf(body) } });
}

function holdFileOf(
  { uploads }: GatewayParts,
  body: Body,
): { options: NonNullable<CommandLine['options']>; input: NonNullable<CommandLine['input']> } {
  const { name, format, bytes } = uploads.get(body['upload']);
  if (format !== 'csv')
    throw new GatewayRefusal(400, 'Upload', 'A file of holds is CSV, with or without .gz.', { field: 'upload' });
  return {
    options: {
      file: '-',
      'ignore-column': textsOf(body['ignoreColumns'], 'ignoreColumns'),
      ...placeOf(body),
    },
    input: { option: '--file -', name, bytes },
  };
}

async function removeHold(parts: GatewayParts, body: Body): Promise<CommandResponse<{ removed: number }>> {
  const response = await runJson<{ removed: number }>(parts, {
    command: ['hold', 'remove'],
    options: {
      hold: requiredText(body, 'hold'),
      reason: requiredText(body, 'reason'),
      by: requiredText(body, 'by'),
    },
  });
  if (response.document.removed === 0)
    throw new GatewayRefusal(404, 'NotFound', 'There is no such hold; it may have been lifted meanwhile.');
  return response;
}

async function createSchedule(parts: GatewayParts, body: Body): Promise<CommandResponse<ScheduleLine>> {
  const name = requiredText(body, 'name');
  const yes = await confirmedProduction(parts, confirmationOf(body['confirm']), { task: name, named: true });
  const plan = body['plan'];
  if (typeof plan !== 'object' || plan === null || Array.isArray(plan))
    throw new GatewayRefusal(400, 'Task.InvalidInput', 'plan must be a JSON object.', { field: 'plan' });
  const source = requiredText(body, 'source');
  if (!/^(?:query|file):./su.test(source))
    throw new GatewayRefusal(400, 'Source', 'A schedule reads query:NAME or file:PATH of the worker.', {
      field: 'source',
    });
  const option = (field: string): string | undefined => textOf(body[field], field);
  return runJson(parts, {
    command: ['schedule', 'create'],
    options: {
      source,
      input: JSON.stringify(plan),
      cron: option('cron'),
      every: option('every'),
      timezone: option('timezone'),
      note: option('note'),
      paused: flagOf(body['paused'], 'paused'),
      'pause-on-failure': flagOf(body['pauseOnFailure'], 'pauseOnFailure'),
      yes,
    },
    operands: [name],
  });
}

async function changeSchedule(
  parts: GatewayParts,
  { name, action, body }: { name: string; action: string; body: Body },
): Promise<CommandResponse<unknown>> {
  const starts = STARTING.includes(action);
  const yes =
    starts && (await confirmedProduction(parts, confirmationOf(body['confirm']), { task: name, named: true }));
  return runJson(parts, {
    command: ['schedule', action],
    options: {
      yes,
      ...(['pause', 'resume'].includes(action) && { note: textOf(body['note'], 'note') }),
      ...(action === 'backfill' && { from: requiredText(body, 'from'), to: requiredText(body, 'to') }),
    },
    operands: [name],
  });
}
