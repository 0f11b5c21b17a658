import type { PlannedStep } from '../../policy/providers/step-plan';
import { batch } from '../catalogue';
import { batchService, MAX_BULK_IDS } from './service';
import { defineProvider } from '../define-provider';
import type { Provider, StepChoice, StepDefinition } from '../definition';

/** What of an input concerns Batch. */
export interface BatchOptions {
  mode?: 'customData' | 'gdpr' | 'both' | 'skip';
  /** `false` for runs that make their plan themselves: they began before filings were looked for in the mode `gdpr`. */
  findsFilings?: boolean;
}

/** Batch's codes for a parameter that is missing or malformed, and for a body that it cannot read. */
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
    // A request can be done with an error; only the documented text says something about the user.
    failed: [{ status: 'done', error: { exists: true } }],
    absent: [{ status: 'done', error: { text: 'user not found' } }],
  };
}

/** The request whose filing is looked for in the list of requests if its response cannot be read. */
function foundGdpr(app: string, step = app): StepDefinition {
  return {
    ...gdpr(app, step),
    // A request that is still pending will remove the user, regardless of who filed it; one that is done says nothing of newer data.
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

/** Created on first use: a workflow that brings its plan needs none. */
let defined: Provider | undefined;

const NO_ID = { without: ['userId'], reason: 'noBatchId' };

/** Outcomes and reasons as receipts have had them from the first version on: one row where Batch is left out. */
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
