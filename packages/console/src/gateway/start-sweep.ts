import { createHash } from 'node:crypto';
import { WorkflowFailedError, WorkflowNotFoundError } from '@temporalio/client';
import { canonicalJson } from 'temporal-http-tasks/internal/policy/canonical-json';
import type { CanonicalValue } from 'temporal-http-tasks/internal/policy/canonical-json';
import { offboardUsersInput } from 'temporal-http-tasks/internal/policy/sweep-input';
import type { SweepResult } from 'temporal-http-tasks/internal/policy/sweep-result';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import { readLedgerSettings } from 'temporal-http-tasks/internal/config/database-settings';
import { readStartInput, UnreadablePayloadError } from 'temporal-http-tasks/internal/starts/payloads';
import { z } from 'zod';
import type { SchemaNode } from '../reference/schema-node';
import { flagOf, textOf, textsOf } from './body-fields';
import { runJson } from './commands';
import type { CommandLine } from './commands';
import { requireConfirmation, UNKNOWN_PLACE } from './confirmation';
import { flatFormOf } from './form';
import { GatewayRefusal } from './http-error';
import { offboardingPlace } from './offboarding-form';
import { refuseUnknownRun, withTemporal } from './parts';
import type { GatewayParts } from './parts';
import type { Confirmation, FormField } from './wire';
import type { StartedSweep, SweepForm, SweepPlan, SweepPreview, SweepRequest } from './wire-operations';
import { placeOfRuns, queriesOfWorkers } from './workers';

const TYPE = 'offboardUsers';
/** How long a dry run counts, in milliseconds. */
const DRY_RUN_COUNTS_MS = 3_600_000;
/** Results of dry runs that count; a failed one found nothing out. */
const TRIED: readonly string[] = ['completed', 'partial', 'held'];

/** A request for a sweep, as the page sends it. */
type SweepBody = { [Field in keyof SweepRequest]?: unknown };

/** Decided by the steps of the page and not by a plan. */
const OWN_FIELDS = ['source', 'snapshot', 'redriveOf', 'dryRun', 'approval'];
/** Shown first; the others on demand. */
const FIRST = ['reason.code', 'requestedBy', 'rate'];
/** Numbers or shares, which are typed as they are on the command line. */
const TYPED: readonly string[] = ['tolerance', 'badRows'];

/** Returns the form of a sweep's plan, its environment, and what prevents the start. */
export async function sweepForm(parts: GatewayParts): Promise<SweepForm> {
  const schema = z.toJSONSchema(offboardUsersInput, { io: 'input', unrepresentable: 'any' }) as SchemaNode;
  const fields = flatFormOf(schema, [])
    .filter(({ path: [first = ''] = [] }) => !OWN_FIELDS.includes(first))
    .map((field): FormField => (TYPED.includes(field.name) ? { ...field, control: 'text' } : field));
  const isFirst = ({ name }: FormField): boolean => FIRST.includes(name);
  const form = [
    ...FIRST.flatMap((name) => fields.filter((field) => field.name === name)),
    ...fields.filter((field) => !isFirst(field)).map((field) => ({ ...field, more: true })),
  ];
  try {
    readLedgerSettings(parts.secrets.env);
    const { environment, production } = await placeOfRuns(parts, offboardingPlace(parts));
    return { form, queries: await queriesOfWorkers(parts), environment, production };
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    const problem = error.problems.map(({ setting, message }) => `${setting}: ${message}`).join(' ');
    return { form, queries: [], problem };
  }
}

/** Returns what a sweep would read and delete; nothing is started or stored. */
export async function previewSweep(parts: GatewayParts, body: SweepBody): Promise<SweepPreview> {
  const { document } = await runJson<SweepPreview>(parts, lineFor(parts, ['sweep', 'preview'], body, true).line);
  return document;
}

/** Returns what a sweep in Temporal deletes where, for the person who approves it. */
export async function readPlan(
  parts: GatewayParts,
  { workflowId, runId }: { workflowId: string; runId?: string | undefined },
): Promise<SweepPlan> {
  const input = await withTemporal(parts, async ({ client }) => {
    const handle = client.workflow.getHandle(workflowId, runId);
    const run = await handle.describe().catch((error: unknown) => refuseUnknownRun(error, workflowId));
    if (run.type !== TYPE) throw new GatewayRefusal(404, 'NotFound', 'This run is not a sweep.');
    return readStartInput(client, run).catch((error: unknown) => {
      if (!(error instanceof UnreadablePayloadError)) throw error;
      throw new GatewayRefusal(409, 'Settings', 'This gateway cannot decrypt what the sweep was started with.');
    });
  });
  const { document } = await runJson<SweepPreview>(parts, {
    command: ['sweep', 'preview'],
    options: { input: JSON.stringify(input) },
  });
  const { environment, production, unknownBecause, removals } = document;
  return { environment, production, removals, ...(unknownBecause !== undefined && { unknownBecause }) };
}

/**
 * Starts a sweep with the command of the same name. A dry run only reads. Any other sweep waits for an approval, which has
 * its own confirmation, and needs a dry run of the same file and plan that ended within the last hour. Production needs its
 * name typed, even for a dry run.
 *
 * @throws GatewayRefusal: nothing was started.
 */
export async function startSweep(parts: GatewayParts, body: SweepBody, confirm: Confirmation): Promise<StartedSweep> {
  const isDry = flagOf(body.dryRun, 'dryRun');
  const { line, key } = lineFor(parts, ['sweep'], body, isDry);
  const yes = await confirmedProduction(parts, confirm);
  if (!isDry) await requireDryRun(parts, key);
  const { document, said } = await runJson<{ sweepId: string; counts?: { total: number } }>(parts, {
    ...line,
    options: { ...line.options, yes },
  });
  const { sweepId, counts } = document;
  if (isDry) parts.dryRuns.set(key, sweepId);
  return { workflowId: sweepId, dryRun: isDry, said, ...(counts && { total: counts.total }) };
}

/** Retries the failed and unknown users of a sweep in a new one, which waits for an approval. */
export async function redriveSweep(
  parts: GatewayParts,
  sweepId: string,
  { requestedBy, confirm }: { requestedBy?: unknown; confirm: Confirmation },
): Promise<StartedSweep> {
  const yes = await confirmedProduction(parts, confirm);
  const { document, said } = await runJson<{ sweepId: string }>(parts, {
    command: ['sweep', 'redrive'],
    options: { approval: true, yes, 'requested-by': textOf(requestedBy, 'requestedBy') },
    operands: [sweepId],
  });
  return { workflowId: document.sweepId, dryRun: false, said };
}

/**
 * Returns whether the command may start in production without asking: when its name was typed here. Where this gateway
 * knows of no production, the command decides: what it cannot know counts as production, and {@link UNKNOWN_PLACE} has
 * to be typed.
 */
export async function confirmedProduction(
  parts: GatewayParts,
  confirm: Confirmation,
  task: { task: string; named: boolean } = { task: TYPE, named: false },
): Promise<boolean> {
  const { production, environment } = await placeOfRuns(parts, offboardingPlace(parts));
  requireConfirmation({ ...task, production, environment }, confirm);
  return production || confirm.environment === UNKNOWN_PLACE;
}

/** Only sources of the worker: other words would name files of the gateway's machine. */
const CONFIGURED = /^(?:query|file):./su;

function lineFor(
  { uploads }: GatewayParts,
  command: readonly string[],
  body: SweepBody,
  dryRun: boolean,
): { line: CommandLine; key: string } {
  const upload = body.upload === undefined ? undefined : uploads.get(body.upload);
  const configured = textOf(body.source, 'source');
  if ((upload === undefined) === (configured === undefined))
    throw new GatewayRefusal(400, 'Source', 'Choose a file, or name a source of the worker.', { field: 'source' });
  if (configured !== undefined && !CONFIGURED.test(configured))
    throw new GatewayRefusal(400, 'Source', 'A source of the worker is query:NAME or file:PATH.', { field: 'source' });
  const plan = planOf(body.plan);
  const rules = {
    'ignore-column': textsOf(body.ignoreColumns, 'ignoreColumns'),
    'allow-placeholders': textsOf(body.allowPlaceholders, 'allowPlaceholders')?.join(','),
    account: textOf(body.account, 'account'),
  };
  const line: CommandLine = {
    command,
    options: {
      source: upload ? '-' : configured,
      format: upload?.format,
      input: JSON.stringify({ ...plan, ...(dryRun ? { dryRun } : { approval: true }) }),
      ...rules,
    },
    ...(upload && { input: { name: upload.name, option: '--source -', bytes: upload.bytes } }),
  };
  const request = JSON.parse(JSON.stringify([upload?.digest ?? configured, plan, rules])) as CanonicalValue;
  return { line, key: createHash('sha256').update(canonicalJson(request)).digest('hex') };
}

function planOf(plan: unknown): Record<string, unknown> {
  if (typeof plan !== 'object' || plan === null || Array.isArray(plan))
    throw new GatewayRefusal(400, 'Task.InvalidInput', 'plan must be a JSON object.', { field: 'plan' });
  const own = OWN_FIELDS.find((field) => Object.hasOwn(plan, field));
  if (own !== undefined)
    throw new GatewayRefusal(400, 'Task.InvalidInput', `${own} is not part of a plan.`, { field: own });
  return plan as Record<string, unknown>;
}

async function requireDryRun(parts: GatewayParts, key: string): Promise<void> {
  const sweepId = parts.dryRuns.get(key);
  if (sweepId !== undefined && (await wasTried(parts, sweepId))) return;
  throw new GatewayRefusal(
    409,
    'DryRunNeeded',
    'First do a dry run with the same users and plan, and read what it found; it counts for an hour. Nothing was started.',
  );
}

async function wasTried(parts: GatewayParts, sweepId: string): Promise<boolean> {
  return withTemporal(parts, async ({ client }) => {
    const handle = client.workflow.getHandle(sweepId);
    try {
      const { status, closeTime } = await handle.describe();
      if (status.name !== 'COMPLETED' || !closeTime || closeTime.getTime() < Date.now() - DRY_RUN_COUNTS_MS)
        return false;
      return TRIED.includes(((await handle.result()) as SweepResult).status);
    } catch (error) {
      if (error instanceof WorkflowNotFoundError || error instanceof WorkflowFailedError) return false;
      throw error;
    }
  });
}
