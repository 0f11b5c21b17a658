import type { DefineCommand } from './command';

/** A command as `http-tasks --help` lists it; its options and action are loaded when a command line names it. */
export interface ListedCommand {
  /** With its arguments: `show <task>`. */
  usage: string;
  /** One line, for the list of commands. */
  summary: string;
  /** The heading under which it is listed. */
  group?: string;
  /** Whether it does nothing without one of its subcommands. */
  isGroup?: true;
  load: () => Promise<DefineCommand>;
}

/** In the order in which `--help` lists them, by group. */
export const COMMANDS: readonly ListedCommand[] = [
  {
    usage: 'demo',
    summary: 'offboard invented users on this machine, under faults, and judge the outcome',
    group: 'Try it without keys',
    load: async () => (await import('../demo/command.js')).demoCommand,
  },
  {
    usage: 'dev',
    summary: 'start Temporal with its UI, both simulators and a worker on this machine',
    group: 'Try it without keys',
    load: async () => (await import('../dev/command.js')).devCommand,
  },
  {
    usage: 'simulate',
    summary: 'run simulators of Plaid, Batch and provider files on this machine',
    group: 'Try it without keys',
    load: async () => (await import('../simulate/command.js')).simulateCommand,
  },
  {
    usage: 'faults',
    summary: 'run the fault-injection matrix and judge the result for each user',
    group: 'Try it without keys',
    load: async () => (await import('../faults/command.js')).faultsCommand,
  },
  {
    usage: 'offboard',
    summary: 'offboard one user from every provider',
    group: 'Offboard users',
    load: async () => (await import('../offboard/command.js')).offboardCommand,
  },
  {
    usage: 'sweep',
    summary: 'offboard all users of a file or a configured query; show and control such sweeps',
    group: 'Offboard users',
    load: async () => (await import('../sweep/command.js')).sweepCommand,
  },
  {
    usage: 'schedule',
    summary: 'manage recurring sweeps: create, list, show, trigger, pause, resume, backfill, delete',
    isGroup: true,
    group: 'Offboard users',
    load: async () => (await import('../schedule/command.js')).scheduleCommand,
  },
  {
    usage: 'list-runs',
    summary: 'list runs by status, sweep or user',
    group: 'Offboard users',
    load: async () => (await import('../list-runs/command.js')).listRunsCommand,
  },
  {
    usage: 'providers',
    summary: 'list, show and check provider files: systems to offboard users from, as data',
    isGroup: true,
    group: 'Offboard users',
    load: async () => (await import('../providers/command.js')).providersCommand,
  },
  {
    usage: 'links',
    summary: 'print links to the Temporal UI with the form for a new run filled in',
    group: 'Offboard users',
    load: async () => (await import('../links/command.js')).linksCommand,
  },
  {
    usage: 'nexus',
    summary: 'let workflows of other namespaces call the offboarding',
    isGroup: true,
    group: 'Offboard users',
    load: async () => (await import('../nexus/command.js')).nexusCommand,
  },
  {
    usage: 'receipts [id]',
    summary: 'show or export the receipts of a sweep, a run, a user, or a single call',
    group: 'Evidence and requests',
    load: async () => (await import('../receipts/command.js')).receiptsCommand,
  },
  {
    usage: 'verify [sweep]',
    summary: 'check that the receipts of a sweep are those that were sealed',
    group: 'Evidence and requests',
    load: async () => (await import('../verify/command.js')).verifyCommand,
  },
  {
    usage: 'register',
    summary: 'list requests to be deleted with their due dates; record, extend and refuse them',
    group: 'Evidence and requests',
    load: async () => (await import('../register/command.js')).registerCommand,
  },
  {
    usage: 'seal',
    summary: "create the key that signs the ledger's log; print its latest checkpoint",
    isGroup: true,
    group: 'Evidence and requests',
    load: async () => (await import('../seal/command.js')).sealCommand,
  },
  {
    usage: 'hold',
    summary: 'keep users from being removed: add, check, list and remove legal holds',
    isGroup: true,
    group: 'Keep control',
    load: async () => (await import('../hold/command.js')).holdCommand,
  },
  {
    usage: 'stop',
    summary: 'stop every call that changes something, of all workers of this ledger',
    group: 'Keep control',
    load: async () => (await import('../stop/command.js')).stopCommand,
  },
  {
    usage: 'start',
    summary: 'lift the stop, and resume the sweeps that it paused',
    group: 'Keep control',
    load: async () => (await import('../stop/command.js')).startCommand,
  },
  {
    usage: 'rate',
    summary: 'show, set and clear the standing limits on calls to a provider',
    isGroup: true,
    group: 'Keep control',
    load: async () => (await import('../rate/command.js')).rateCommand,
  },
  {
    usage: 'policy',
    summary: 'show the policy of this process, or check a policy file',
    isGroup: true,
    group: 'Keep control',
    load: async () => (await import('../policy/command.js')).policyCommand,
  },
  {
    usage: 'approver',
    summary: 'create keys for signing approvals of sweeps',
    isGroup: true,
    group: 'Keep control',
    load: async () => (await import('../approver/command.js')).approverCommand,
  },
  {
    usage: 'list [query]',
    summary: 'list the HTTP tasks',
    group: 'Single calls',
    load: async () => (await import('../list/command.js')).listCommand,
  },
  {
    usage: 'show <task>',
    summary: 'show the reference of one task: fields, effect, failures, limits',
    group: 'Single calls',
    load: async () => (await import('../show/command.js')).showCommand,
  },
  {
    usage: 'call [task]',
    summary: 'send one task: prepare it, show it with secrets masked, ask, send, show the response',
    group: 'Single calls',
    load: async () => (await import('../call/command.js')).callCommand,
  },
  {
    usage: 'snippet <task>',
    summary: 'generate code or a runnable command for a call',
    group: 'Single calls',
    load: async () => (await import('../snippet/command.js')).snippetCommand,
  },
  {
    usage: 'console',
    summary: 'open the gateway and its web page: search, prepare, test and copy calls; follow runs',
    group: 'Single calls',
    load: async () => (await import('../console/command.js')).consoleCommand,
  },
  {
    usage: 'import <spec>',
    summary: "list an OpenAPI document's operations, and create tasks from them",
    group: 'Single calls',
    load: async () => (await import('../import/command.js')).importCommand,
  },
  {
    usage: 'worker',
    summary: 'run a worker for all tasks and workflows of the package',
    group: 'Run workers',
    load: async () => (await import('../worker/command.js')).workerCommand,
  },
  {
    usage: 'doctor',
    summary: 'check settings, ledger, Temporal server and schedules, and list what is missing or will break',
    group: 'Run workers',
    load: async () => (await import('../doctor/command.js')).doctorCommand,
  },
  {
    usage: 'ledger',
    summary: 'migrate the ledger to the schema of this version; purge old receipts',
    isGroup: true,
    group: 'Run workers',
    load: async () => (await import('../ledger/command.js')).ledgerCommand,
  },
  {
    usage: 'codec-server',
    summary: 'let the Temporal UI and command line read encrypted payloads',
    group: 'Run workers',
    load: async () => (await import('../codec-server/command.js')).codecServerCommand,
  },
];
