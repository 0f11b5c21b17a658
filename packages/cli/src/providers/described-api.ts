import { sketchOfValue } from '@temporal-http-tasks/openapi/internal/provider/response-sketches';
import type { ProviderFile } from '@temporal-http-tasks/openapi/internal/provider/read-provider';
import type { Quantifier, StatePattern } from 'temporal-http-tasks/internal/policy/providers/path';
import type { PlannedCall, PlannedStep } from 'temporal-http-tasks/internal/policy/providers/step-plan';
import { readSteps } from 'temporal-http-tasks/internal/providers/plan-provider';
import { TOKEN_PATH } from '@temporal-http-tasks/testing/internal/simulators/described/description';
import type {
  DescribedApi,
  DescribedCall,
  DescribedField,
  DescribedKey,
  DescribedOperation,
  DescribedStep,
} from '@temporal-http-tasks/testing/internal/simulators/described/description';
import { credentialsOf, takesBody } from 'temporal-http-tasks/internal/tasks/define';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import type { CredentialRule } from 'temporal-http-tasks/internal/tasks/service';
import type { FieldWriting } from 'temporal-http-tasks/internal/tasks/wire';

/** Returns what a simulator of a provider is made from: its document's operations, and what its file says they do. */
export function describedApi({ provider, simulated, responses }: ProviderFile): DescribedApi {
  const { name, title, service, tasks, ids } = provider;
  const { steps } = readSteps(provider, provider.steps({ keys: ['default'], options: {} }));
  const { code, requestId } = service.errors.fields;
  return {
    provider: name,
    title,
    errors: { code, ...(requestId !== undefined && { requestId }) },
    ids: Object.fromEntries(
      Object.entries(ids).map(([id, { list = false, type, instead }]) => [
        id,
        { list, number: type === 'integer', ...(instead !== undefined && { instead }) },
      ]),
    ),
    operations: tasks.map((task) => operationOf(task, simulated.get(task.operation) ?? {}, responses)),
    steps: steps.flatMap(({ planned }) => stepOf(planned, name) ?? []),
    tokenPaths: [...new Set(service.credentials.flatMap(tokenPathOf))],
  };
}

function tokenPathOf({ clientCredentials }: CredentialRule): string[] {
  if (!clientCredentials) return [];
  const { tokenUrl } = clientCredentials;
  const urls = typeof tokenUrl === 'string' ? [tokenUrl] : Object.values(tokenUrl);
  return [TOKEN_PATH, ...urls.filter((url) => url.startsWith('/')).map((url) => url.split('?', 1)[0] ?? url)];
}

function operationOf(
  task: HttpTask,
  simulated: NonNullable<ReturnType<ProviderFile['simulated']['get']>> | Record<string, never>,
  all: ProviderFile['responses'],
): DescribedOperation {
  const responses = all.get(task.operation) ?? new Map<string, undefined>();
  const good = [...responses.keys()].filter((status) => /^2(?:\d\d|XX)$/.test(status)).sort();
  const described = good[0] === undefined ? 'default' : good[0];
  const status = simulated.status ?? (/^\d+$/.test(described) ? Number(described) : 200);
  const documented =
    responses.get(String(status)) ?? (simulated.status === undefined ? responses.get(described) : undefined);
  const body = simulated.body === undefined ? documented : sketchOfValue(simulated.body);
  const isUndescribed = !responses.has(String(status)) && !responses.has(described);
  const shown = body ?? (isUndescribed ? ({ kind: 'any' } as const) : undefined);
  return {
    operation: task.operation,
    method: task.method,
    path: task.path,
    fields: fieldsOf(task),
    keys: credentialsOf(task).map(keyOf),
    effect: task.effect,
    success: { status, ...(shown && { body: shown }), ...(simulated.body !== undefined && { given: true }) },
    absent: {
      codes: task.absentCodes,
      statuses: task.absentStatuses ?? [],
      responses: Object.fromEntries(
        [...responses].flatMap(([key, sketch]) => (sketch && !key.startsWith('2') ? [[key, sketch]] : [])),
      ),
      ...(simulated.absent && { given: simulated.absent }),
    },
  };
}

function fieldsOf({ places, writing, method }: HttpTask): DescribedField[] {
  const written = Object.entries(places).flatMap(([field, place]): DescribedField[] => {
    if (place === 'slot') return [];
    const own = writing && Object.hasOwn(writing, field) ? writing[field] : undefined;
    const separator = own && separatorOf(own);
    return [{ field, in: place, name: own?.name ?? field, ...(separator !== undefined && { separator }) }];
  });
  // Without a body, fields without a place are parameters.
  return takesBody(method) ? written : written.filter((field) => field.in !== 'body');
}

function separatorOf({ style, explode }: FieldWriting): string | undefined {
  switch (style) {
    case 'spaceDelimited':
      return explode === true ? undefined : ' ';
    case 'pipeDelimited':
      return explode === true ? undefined : '|';
    case 'simple':
      return ',';
    case 'form':
      return explode === false ? ',' : undefined;
    default:
      return undefined;
  }
}

function keyOf({ setting, in: place, name, scheme, clientCredentials }: CredentialRule): DescribedKey {
  return {
    setting,
    in: place,
    name,
    ...(scheme && { scheme }),
    ...(clientCredentials && { clientIdSetting: clientCredentials.clientIdSetting }),
  };
}

function stepOf(planned: PlannedStep, provider: string): DescribedStep | undefined {
  const call = ({ task, input, absent, failed }: PlannedCall): DescribedCall => ({
    operation: task.slice(provider.length + 1),
    input: withoutMarks(input),
    ...(absent && { absent: asWritten(absent) }),
    ...(failed && { failed: asWritten(failed) }),
  });
  const { step } = planned;
  const base = { step, needs: planned.skips.flatMap(({ without }) => (without ? [without] : [])) };
  switch (planned.kind) {
    case 'once': {
      const { act, look, each, bulk } = planned;
      return {
        ...base,
        kind: 'once',
        act: call(act),
        ...(look && { look: call(look) }),
        ...(each !== undefined && { each }),
        ...(bulk && { bulk: { ...call(bulk), id: bulk.id } }),
      };
    }
    case 'list': {
      const { act, look, only } = planned;
      const { items, next } = look;
      return {
        ...base,
        kind: 'list',
        act: call(act),
        look: { ...call(look), items, ...(next && { next: { path: next.path, cursor: next.cursor } }) },
        ...(only !== undefined && { only }),
      };
    }
    case 'request': {
      const { act, handle, follow, proceed, find } = planned;
      const { state, done, failed, absent } = follow;
      return {
        ...base,
        kind: 'request',
        act: call(act),
        handle,
        follow: {
          operation: call(follow).operation,
          input: call(follow).input,
          state,
          done: asWritten(done, state),
          others: asWritten([...absent, ...failed], state),
        },
        ...(proceed && { proceed: { ...call(proceed), when: asWritten(proceed.when, state) } }),
        ...(find && {
          find: {
            ...call(find),
            ...(find.items !== undefined && { items: find.items }),
            match: find.match,
            handle: find.handle,
          },
        }),
      };
    }
    case 'manual':
      return undefined;
  }
}

/** Returns a template as its author wrote it: a plan marks placeholders in paths and in the place of numbers. */
function withoutMarks(template: unknown): unknown {
  if (Array.isArray(template)) return template.map(withoutMarks);
  if (typeof template !== 'object' || template === null) return template;
  const { $number, $digits, $path } = template as Record<string, unknown>;
  const marked = $number ?? $digits ?? $path;
  if (typeof marked === 'string') return marked;
  return Object.fromEntries(Object.entries(template).map(([key, value]) => [key, withoutMarks(value)]));
}

/** Returns conditions as their author wrote them: a plan says which entries of lists they are about. */
function asWritten(patterns: readonly StatePattern[], statePath?: string): StatePattern[] {
  return patterns.map((pattern) => {
    if (typeof pattern !== 'object') return pattern;
    const { $every, $some } = pattern as Partial<Record<Quantifier, Record<string, unknown>>>;
    const paths = $every ?? $some ?? pattern;
    const [[path, state] = ['', undefined], ...more] = Object.entries(paths);
    const isState = path === statePath && more.length === 0 && typeof state !== 'object';
    return isState ? (state as StatePattern) : (paths as StatePattern);
  });
}
