import { ProviderSet } from 'temporal-http-tasks/internal/providers/provider-set';
import type { KeyedServices } from 'temporal-http-tasks/internal/providers/provider-set';
import { builtInStepPlan } from 'temporal-http-tasks/internal/providers/built-in';
import { refuseClashes } from 'temporal-http-tasks/internal/providers/clashes';
import { defineProvider, defineService } from 'temporal-http-tasks';
import { COURIER_STEPS, COURIER_TASKS, courierService, courierWith } from './courier';

const SERVICES: KeyedServices = new Map([
  ['plaid', { environment: 'sandbox', keySlots: [] }],
  ['batch', { environment: 'default', keySlots: ['ios', 'android'] }],
  ['courier', { environment: 'sandbox', keySlots: [] }],
]);

const set = new ProviderSet([courierWith()]);

/** The courier with two IDs of which one is given, a number, and items to choose from. */
function pickyCourier() {
  const [topics, ...others] = COURIER_STEPS;
  return defineProvider({
    name: 'courier',
    title: 'Courier Mail',
    service: courierService,
    tasks: COURIER_TASKS,
    ids: {
      contactId: { about: 'Contact.', instead: 'personId' },
      personId: { about: 'Person.', instead: 'contactId' },
      number: { about: 'A number.', type: 'integer' },
      topicIds: { about: 'Topics.', list: true },
      deviceIds: { about: 'Devices.', list: true },
    },
    steps: [{ ...topics!, only: 'topicIds' } as (typeof COURIER_STEPS)[number], ...others],
  });
}

describe('the providers of a worker', () => {
  it('have those of the package first', () => {
    expect(set.names).toEqual(['plaid', 'batch', 'courier']);
    expect(new ProviderSet().names).toEqual(['plaid', 'batch']);
  });

  it.each<[string, object, string[]]>([
    ['what is right', { courier: { contactId: 'c', deviceIds: ['d'] }, plaid: { userId: 'u' } }, []],
    [
      'an unknown provider, with the nearest name',
      { couriar: { contactId: 'c' } },
      ['ids.couriar: unknown provider couriar; allowed: plaid, batch, courier; did you mean courier?'],
    ],
    [
      'an unknown ID',
      { courier: { contactID: 'c' } },
      [
        'ids.courier.contactID: unknown ID of courier; allowed: contactId, personId, deviceIds, secret; did you mean contactId?',
      ],
    ],
    [
      'a list in the place of an ID, and the other way round',
      { courier: { contactId: ['c'], deviceIds: 'd' } },
      ['ids.courier.contactId: must be one ID and not a list', 'ids.courier.deviceIds: must be a list of IDs'],
    ],
  ])('report what is wrong with the IDs of a user: %s', (_what, ids, expected) => {
    const problems = set.problemsOf({ ids: ids as never }, ids as never);
    expect(problems.map(({ field, message }) => `${field}: ${message}`)).toEqual(expected);
  });

  it('want exactly one of two alternative IDs, and whole numbers as texts of digits', () => {
    const picky = new ProviderSet([pickyCourier()]);
    const problems = (courier: Record<string, string>) =>
      picky.problemsOf({ ids: { courier } }, { courier }).map(({ field, message }) => `${field}: ${message}`);
    expect(problems({ contactId: 'c', number: '-12' })).toEqual([]);
    expect(problems({ contactId: 'c', personId: 'p' })).toEqual([
      'ids.courier.personId: exactly one of contactId and personId must be given',
    ]);
    expect(problems({ number: '1.5' })).toEqual([
      'ids.courier.number: must be a whole number, written as a text',
      'ids.courier: exactly one of contactId and personId must be given',
    ]);
  });

  it('distinguish IDs of things from those of users', () => {
    const picky = new ProviderSet([pickyCourier()]);
    expect(['topicIds', 'deviceIds', 'contactId'].map((id) => picky.isThing('courier', id))).toEqual([
      true,
      false,
      false,
    ]);
    expect([picky.isThing('plaid', 'itemIds'), picky.isThing('plaid', 'userId'), picky.isThing('who', 'x')]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('refuse choices of providers and steps that they do not have', () => {
    const problems = set.problemsOfChoice({
      providers: ['plaid', 'curier'],
      include: ['courier.contact'],
      exclude: ['courier.contakt', 'batch.ios', 'plaid.products', 'nowhere.step'],
    });
    expect(problems.map(({ field, message }) => `${field}: ${message.replace(/; allowed.*(?=; did)/, '')}`)).toEqual([
      'providers.1: unknown provider curier; did you mean courier?',
      'exclude.0: unknown step courier.contakt; did you mean courier.contact?',
      expect.stringMatching(/^exclude.3: unknown step nowhere.step; allowed: plaid.items, /),
    ]);
  });
});

describe('steps after those of other providers', () => {
  const depot = (after: string) =>
    defineProvider({
      name: 'depot',
      title: 'Depot',
      service: defineService({
        name: 'depot',
        title: 'Depot',
        environments: { sandbox: 'https://depot.example' },
        defaultEnvironment: 'sandbox',
        credentials: [{ setting: 'DEPOT_TOKEN', in: 'header', name: 'x-token' }],
        errors: { fields: { code: 'code' }, rules: [] },
      }),
      tasks: [],
      ids: { userId: { about: 'User.' } },
      steps: [
        { step: 'paper', kind: 'manual', title: 'T', instructions: 'I', after: [{ step: after, reason: 'notDone' }] },
      ],
    });
  const bulk = { task: 'bulkDelete', input: { contacts: { each: '${ids}', as: { id: '${id}' } } }, most: 500 };
  const courier = courierWith([{ ...COURIER_STEPS[1], bulk, after: [] } as (typeof COURIER_STEPS)[number]]);

  it('must name one that exists', () => {
    expect(() => refuseClashes([courier, depot('courier.contact')])).not.toThrow();
    expect(() => refuseClashes([depot('courier.contract')])).not.toThrow();
    expect(() => refuseClashes([depot('courier.contract'), courier])).toThrow(
      'depot.steps[0].after[0].step: unknown step; allowed: courier.contact; did you mean courier.contact?',
    );
  });

  it('are refused once for a setting that two have in common, and not again for its file', () => {
    const other = { ...courier, name: 'depot', service: { ...courier.service, name: 'depot' } };
    expect(() => refuseClashes([courier, other])).toThrow(/COURIER_TOKEN is a setting of courier; choose another\.$/);
  });

  it('keep a sweep from making bulk calls when everything else is done', () => {
    const bulkOf = (providers: ConstructorParameters<typeof ProviderSet>[0], only?: object) => {
      const [step] = new ProviderSet(providers).planFor(
        { providers: ['courier', 'depot'] },
        SERVICES,
        only as never,
      ).steps;
      return step && 'bulk' in step;
    };
    expect(bulkOf([courier])).toBe(true);
    expect(bulkOf([courier, depot('courier.contact')])).toBe(false);
    const user = { ids: { courier: { contactId: 'c' }, depot: { userId: 'u' } } };
    expect(bulkOf([courier, depot('courier.contact')], user)).toBe(true);
  });
});

describe('the plan of a choice', () => {
  const stepsOf = (...given: Parameters<ProviderSet['planFor']>) => set.planFor(...given).steps.map(({ step }) => step);

  it('is the built-in one for users of the first providers', () => {
    const options = { plaid: { removeUser: true }, batch: { mode: 'customData' } };
    const expected = builtInStepPlan({ removeUser: true, batchMode: 'customData', batchApps: ['ios', 'android'] });
    expect(set.planFor({ options }, SERVICES, { ids: { plaid: { userId: 'u' } } })).toEqual(expected);
    expect(set.planFor({ options }, SERVICES, { ids: { batch: { userId: 'u' } } })).toEqual(expected);
  });

  it('has the providers at which the user has an ID, of those that were chosen', () => {
    const courier = ['courier.topics', 'courier.contact', 'courier.devices', 'courier.erasure', 'courier.archive'];
    const user = { ids: { courier: { contactId: 'c' }, plaid: { userId: 'u' } } };
    expect(stepsOf({}, SERVICES, { ids: { courier: { contactId: 'c' } } })).toEqual(courier);
    expect(stepsOf({ providers: ['courier'] }, SERVICES, user)).toEqual(courier);
    expect(stepsOf({ providers: ['plaid'] }, SERVICES, user)).toEqual(['plaid.items', 'plaid.products']);
    expect(stepsOf({}, SERVICES)).toEqual([
      'plaid.items',
      'plaid.products',
      'plaid.itemsByToken',
      'plaid.assetReports',
      'batch',
      'batch.ios',
      'batch.android',
      ...courier,
    ]);
  });

  it('report which providers would be called', () => {
    const names = (choice: object, ids: object) => set.calledFor(choice, ids as never).map(({ name }) => name);
    const ids = { plaid: { userId: 'u' }, batch: { userId: 'b' }, courier: { contactId: 'c' } };
    expect(names({}, ids)).toEqual(['plaid', 'batch', 'courier']);
    expect(names({ options: { batch: { mode: 'skip' } } }, ids)).toEqual(['plaid', 'courier']);
    expect(names({ providers: ['courier'] }, ids)).toEqual(['courier']);
    expect(names({}, { batch: { userId: 'b' } })).toEqual(['batch']);
  });
});
