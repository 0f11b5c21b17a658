import { Worker } from '@temporalio/worker';
import { operation, service, serviceHandler } from 'nexus-rpc';
import { z } from 'zod';
import { SettingsError } from 'temporal-http-tasks/internal/config/env';
import { CATALOGUE } from 'temporal-http-tasks/internal/providers/catalogue';
import { defineHttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { defineService } from 'temporal-http-tasks/internal/tasks/service';
import { refuseMixedVersions } from 'temporal-http-tasks/internal/host-checks/temporal-versions';
import { ENV, idlePlugin } from './host';

const desk = defineService({
  name: 'desk',
  title: 'Ticket desk',
  environments: { default: 'http://127.0.0.1:1' },
  defaultEnvironment: 'default',
  baseUrlSetting: 'DESK_BASE_URL',
  credentials: [{ setting: 'DESK_KEY', in: 'header', name: 'x-desk-key' }],
  errors: { fields: { code: 'code' }, rules: [] },
});

const ticketGet = defineHttpTask({
  service: desk,
  operation: 'ticketGet',
  summary: 'Read a ticket',
  method: 'GET',
  path: '/tickets/{id}',
  places: { id: 'path' },
  input: z.strictObject({ id: z.string() }),
  output: z.looseObject({ state: z.string() }),
  effect: 'read',
});

describe('activities', () => {
  const own = async (): Promise<string> => 'own';

  it.each([
    ['an object', { closeAccount: own }],
    ['a map', new Map([['closeAccount', own]])],
  ])("of the host's own, given as %s, stay next to one for each task", (_form, activities) => {
    const configured = idlePlugin().configureWorker({ taskQueue: 'q', activities });
    const names = Object.keys(configured.activities ?? {});
    expect(names).toEqual(expect.arrayContaining(['closeAccount', ...CATALOGUE.map(({ name }) => name)]));
    expect(configured.activities).toHaveProperty('closeAccount', own);
  });

  it.each(['plaid.userItemsRemove', 'httpTasks.recordEnd'])(
    'of the host\'s own are refused at start when one is called "%s"',
    async (name) => {
      const creating = Worker.create({ taskQueue: 'q', activities: { [name]: own }, plugins: [idlePlugin()] });
      await expect(creating).rejects.toThrow(
        `Your worker's activity "${name}" and the activity "${name}" of temporal-http-tasks.HttpTasksPlugin have the same name.`,
      );
    },
  );

  it("hold one for each task of the host's own", () => {
    const plugin = idlePlugin({ tasks: [ticketGet], env: { ...ENV, DESK_KEY: 'desk-key-1' } });
    expect(plugin.configureWorker({ taskQueue: 'q' }).activities).toHaveProperty([ticketGet.name]);
  });

  it('of two tasks with one name are refused', () => {
    expect(() => idlePlugin({ tasks: [ticketGet, ticketGet], env: { ...ENV, DESK_KEY: 'desk-key-1' } })).toThrow(
      'Two tasks are named "desk.ticketGet"',
    );
  });
});

it('leaves data converter, interceptors and workflows file of the host as they are', () => {
  const options = {
    taskQueue: 'q',
    workflowsPath: '/host/workflows.ts',
    dataConverter: {},
    interceptors: { activity: [] },
  };
  expect(idlePlugin().configureWorker(options)).toMatchObject(options);
});

it('has heartbeats sent every three seconds, unless the host says otherwise', () => {
  expect(idlePlugin().configureWorker({ taskQueue: 'q' })).toHaveProperty('maxHeartbeatThrottleInterval', '3 seconds');
  const chosen = idlePlugin().configureWorker({ taskQueue: 'q', maxHeartbeatThrottleInterval: '1 minute' });
  expect(chosen).toHaveProperty('maxHeartbeatThrottleInterval', '1 minute');
});

describe('settings', () => {
  function problemsOf(env: Record<string, string>, tasks = [ticketGet]): SettingsError {
    try {
      idlePlugin({ env, tasks }).configureWorker({ taskQueue: 'q' });
    } catch (error) {
      if (error instanceof SettingsError) return error;
      throw error;
    }
    throw new Error('The settings were accepted.');
  }

  it('that are missing are all listed together, those of own tasks too', () => {
    const settings = problemsOf({}).problems.map(({ setting }) => setting);
    expect(new Set(settings)).toEqual(
      new Set([
        'PLAID_CLIENT_ID',
        'PLAID_SECRET',
        'BATCH_REST_API_KEY',
        'BATCH_API_KEYS',
        'DESK_KEY',
        'HTTP_TASKS_SUBJECT_KEY',
      ]),
    );
  });

  it('that are wrong are listed with those that are missing, and no value of a secret is shown', () => {
    const { message } = problemsOf({
      ...ENV,
      PLAID_ENV: 'live',
      PLAID_SECRET: '',
      HTTP_TASKS_SUBJECT_KEY: 'too-short',
      DESK_KEY: 'desk-key-1',
    });
    expect(message).toMatch(/PLAID_ENV: "live" .*sandbox, production/);
    expect(message).toContain('PLAID_SECRET');
    expect(message).toContain('HTTP_TASKS_SUBJECT_KEY');
    expect(message).not.toContain('too-short');
    expect(message).not.toContain('desk-key-1');
  });
});

describe('Nexus services', () => {
  const called = (name: string) =>
    serviceHandler(service(name, { close: operation<string, string>() }), { close: async (_context, input) => input });
  const namesWith = (options: Parameters<typeof idlePlugin>[0], host = called('accounts')): string[] => {
    const { nexusServices = [] } = idlePlugin(options).configureWorker({ taskQueue: 'q', nexusServices: [host] });
    return nexusServices.map(({ definition }) => definition.name);
  };

  it("of the host's own stay next to ours, which can be switched off", () => {
    expect(namesWith({})).toEqual(['accounts', 'offboarding']);
    expect(namesWith({ nexus: false })).toEqual(['accounts']);
    expect(namesWith({ env: { ...ENV, HTTP_TASKS_NEXUS: 'off' } })).toEqual(['accounts']);
  });

  it("of the host's own are refused when one has the name of ours", () => {
    expect(() => namesWith({}, called('offboarding'))).toThrow(
      `Your worker's Nexus service "offboarding" and that of temporal-http-tasks.HttpTasksPlugin have the same name.`,
    );
  });
});

describe('versions of the @temporalio packages', () => {
  it('that differ are refused with the version of each', () => {
    const versionOf = (name: string): string => (name === '@temporalio/client' ? '1.23.4' : '1.24.0');
    expect(() => refuseMixedVersions(versionOf)).toThrow(
      /must have the same version; installed: .*@temporalio\/client 1\.23\.4, .*@temporalio\/worker 1\.24\.0/,
    );
  });

  it('that are all the same are accepted, and those installed here are', () => {
    expect(() => refuseMixedVersions(() => '1.99.0')).not.toThrow();
    expect(() => refuseMixedVersions()).not.toThrow();
  });
});
