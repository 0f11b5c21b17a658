import type { PlannedStep } from '../../policy/providers/step-plan';
import { batch } from '../catalogue';
import { batchService, MAX_BULK_IDS } from './service';
import { defineProvider } from '../define-provider';
import type { Provider, StepChoice, StepDefinition } from '../definition';

/** The options of an input for Batch. */
export interface BatchOptions {
  mode?: 'customData' | 'gdpr' | 'both' | 'skip';
  /** `false` for runs of earlier versions, in which the mode `gdpr` did not look for a filed request. */
  findsFilings?: boolean;
}

/** Batch's codes for a missing or malformed parameter, and for an unreadable body: one ID can cause each of them. */
const REFUSED_FOR_AN_ID = ['30', '31', '32'];

function customData(app: string): StepDefinition {
  return {
    step: app,
    keySlot: app,
    kind: 'once',
    needs: ['userId'],
    act: { task: batch.customDataDelete.name, input: { id: '${userId}', app } },
    bulk: {
      task: batch.customDataBulkDelete.name,
      input: { ids: '${ids}', app },
      most: MAX_BULK_IDS,
      refusedFor: REFUSED_FOR_AN_ID,
    },
  };
}

function gdpr(app: string, step = app): Extract<StepDefinition, { kind: 'request' }> {
  return {
    step,
    keySlot: app,
    kind: 'request',
    needs: ['userId'],
    act: {
      task: batch.gdprRequestCreate.name,
      input: { request_type: 'remove', id: { type: 'custom_id', value: '${userId}' }, app },
    },
    handle: 'token',
    follow: { task: batch.gdprRequestGet.name, input: { id: '${handle}', app } },
    state: 'status',
    done: ['done'],
    // A request can end as done with an error, of which only the documented text shows that there is no such user.
    failed: [{ status: 'done', error: { exists: true } }],
    absent: [{ status: 'done', error: { text: 'user not found' } }],
  };
}

/** Like {@link gdpr}. If the response is lost, the request is looked for in the list of requests. */
function foundGdpr(app: string, step = app): StepDefinition {
  return {
    ...gdpr(app, step),
    // A pending request removes the user, no matter who filed it; one that is done may be older than the data.
    find: {
      task: batch.gdprRequestsList.name,
      input: { app },
      match: { 'id.type': 'custom_id', 'id.value': '${userId}', request_type: 'remove', status: 'pending' },
      handle: 'request_id',
    },
  };
}

function stepsOf(app: string, { mode, findsFilings = true }: BatchOptions): StepDefinition[] {
  switch (mode) {
    case 'gdpr':
      return [findsFilings ? foundGdpr(app) : gdpr(app)];
    case 'both':
      return [customData(app), foundGdpr(app, `${app}-gdpr`)];
    default:
      return [customData(app)];
  }
}

/** Batch: the custom data under each app key, or a GDPR request. */
export function batchProvider(): Provider {
  return (defined ??= {
    ...defineProvider<BatchOptions>({
      name: 'batch',
      title: 'Batch',
      docs: batchService.docs,
      service: batchService,
      tasks: Object.values(batch),
      ids: { userId: { about: 'The custom user ID, exactly as your app gave it to Batch.' } },
      steps: ({ keys, options }) => keys.flatMap((app) => stepsOf(app, options)),
    }),
    refine,
  });
}

/** Created on first use, because a workflow whose plan is recorded does not need it. */
let defined: Provider | undefined;

const NO_ID = { without: ['userId'], reason: 'noBatchId' };

/** Keeps the outcomes and reasons of the first version: one row if Batch is skipped. */
function refine(steps: readonly PlannedStep[], { options }: StepChoice): readonly PlannedStep[] {
  const skipped: PlannedStep = {
    step: 'batch',
    provider: 'batch',
    kind: 'manual',
    task: batch.customDataDelete.name,
    title: '',
    instructions: '',
    ids: ['userId'],
    provesIds: false,
    when: {},
    skips: [],
    after: [],
  };
  if ((options as BatchOptions).mode === 'skip') return [{ ...skipped, skips: [{ reason: 'batchMode' }] }];
  return [
    { ...skipped, when: { none: ['batch.userId'] }, skips: [NO_ID] },
    ...steps.map((step): PlannedStep => {
      const common = { provesIds: false, when: { any: ['batch.userId'] } };
      if (step.kind !== 'request') return { ...step, ...common };
      return { ...step, ...common, follow: { ...step.follow, patienceMs: 0 } };
    }),
  ];
}
