import type { DefineCommand } from './command';

/** A command as `http-tasks --help` lists it; its options and action are loaded when a command line names it. */
export interface ListedCommand {
  /** With its arguments: `show <task>`. */
  usage: string;
  /** One line, for the list of commands. */
  summary: string;
  /** Whether it does nothing without one of its subcommands. */
  isGroup?: true;
  load: () => Promise<DefineCommand>;
}

/** In the order in which `--help` lists them. */
export const COMMANDS: readonly ListedCommand[] = [
  {
    usage: 'demo',
    summary: 'offboard invented users on this machine, under faults, and judge the outcome',
    load: async () => (await import('../demo/command.js')).demoCommand,
  },
  {
    usage: 'dev',
    summary: 'start Temporal with its UI, both simulators and a worker on this machine',
    load: async () => (await import('../dev/command.js')).devCommand,
  },
  {
    usage: 'faults',
    summary: 'run the fault-injection matrix and judge the result for each user',
    load: async () => (await import('../faults/command.js')).faultsCommand,
  },
  {
    usage: 'doctor',
    summary: 'check settings, ledger, Temporal server and schedules, and list what is missing or will break',
    load: async () => (await import('../doctor/command.js')).doctorCommand,
  },
  {
    usage: 'worker',
    summary: 'run a worker for all tasks and workflows of the package',
    load: async () => (await import('../worker/command.js')).workerCommand,
  },
  {
    usage: 'simulate',
    summary: 'run simulators of Plaid, Batch and provider files on this machine',
    load: async () => (await import('../simulate/command.js')).simulateCommand,
  },
  {
    usage: 'codec-server',
    summary: 'let the Temporal UI and command line read encrypted payloads',
    load: async () => (await import('../codec-server/command.js')).codecServerCommand,
  },
  {
    usage: 'list [query]',
    summary: 'list the HTTP tasks',
    load: async () => (await import('../list/command.js')).listCommand,
  },
  {
    usage: 'show <task>',
    summary: 'show the reference of one task: fields, effect, failures, limits',
    load: async () => (await import('../show/command.js')).showCommand,
  },
  {
    usage: 'call [task]',
    summary: 'send one task: prepare it, show it with secrets masked, ask, send, show the response',
    load: async () => (await import('../call/command.js')).callCommand,
  },
  {
    usage: 'snippet <task>',
    summary: 'generate code or a runnable command for a call',
    load: async () => (await import('../snippet/command.js')).snippetCommand,
  },
  {
    usage: 'console',
    summary: 'open the gateway and its web page: search, prepare, test and copy calls; follow runs',
    load: async () => (await import('../console/command.js')).consoleCommand,
  },
  {
    usage: 'import <spec>',
    summary: "list an OpenAPI document's operations, and create tasks from them",
    load: async () => (await import('../import/command.js')).importCommand,
  },
  {
    usage: 'providers',
    summary: 'list, show and check provider files: systems to offboard users from, as data',
    isGroup: true,
    load: async () => (await import('../providers/command.js')).providersCommand,
  },
  {
    usage: 'offboard',
    summary: 'offboard one user from every provider',
    load: async () => (await import('../offboard/command.js')).offboardCommand,
  },
  {
    usage: 'sweep',
    summary: 'offboard all users of a file or a configured query; show and control such sweeps',
    load: async () => (await import('../sweep/command.js')).sweepCommand,
  },
  {
    usage: 'schedule',
    summary: 'manage recurring sweeps: create, list, show, trigger, pause, resume, backfill, delete',
    isGroup: true,
    load: async () => (await import('../schedule/command.js')).scheduleCommand,
  },
  {
    usage: 'list-runs',
    summary: 'list runs by status, sweep or user',
    load: async () => (await import('../list-runs/command.js')).listRunsCommand,
  },
  {
    usage: 'links',
    summary: 'print links that open the Temporal UI with a run to start already filled in',
    load: async () => (await import('../links/command.js')).linksCommand,
  },
  {
    usage: 'nexus',
    summary: 'let workflows of other namespaces call the offboarding',
    isGroup: true,
    load: async () => (await import('../nexus/command.js')).nexusCommand,
  },
  {
    usage: 'receipts [id]',
    summary: 'show or export the receipts of a sweep, a run, a user, or a single call',
    load: async () => (await import('../receipts/command.js')).receiptsCommand,
  },
  {
    usage: 'verify [sweep]',
    summary: 'check that the receipts of a sweep are those that were sealed',
    load: async () => (await import('../verify/command.js')).verifyCommand,
  },
  {
    usage: 'hold',
    summary: 'keep users from being removed: add, check, list and remove legal holds',
    isGroup: true,
    load: async () => (await import('../hold/command.js')).holdCommand,
  },
  {
    usage: 'register',
    summary: 'list requests to be deleted with their due dates; record, extend and refuse them',
    load: async () => (await import('../register/command.js')).registerCommand,
  },
  {
    usage: 'approver',
    summary: 'create keys for signing approvals of sweeps',
    isGroup: true,
    load: async () => (await import('../approver/command.js')).approverCommand,
  },
  {
    usage: 'policy',
    summary: 'show the policy of this process, or check a policy file',
    isGroup: true,
    load: async () => (await import('../policy/command.js')).policyCommand,
  },
  {
    usage: 'seal',
    summary: 'create the key of the log of the ledger, print its latest checkpoint',
    isGroup: true,
    load: async () => (await import('../seal/command.js')).sealCommand,
  },
  {
    usage: 'ledger',
    summary: 'migrate the ledger to the schema of this version',
    isGroup: true,
    load: async () => (await import('../ledger/command.js')).ledgerCommand,
  },
  {
    usage: 'rate',
    summary: 'show, set and clear the standing limits on calls to a provider',
    isGroup: true,
    load: async () => (await import('../rate/command.js')).rateCommand,
  },
  {
    usage: 'stop',
    summary: 'stop every call that changes something, of all workers of this ledger',
    load: async () => (await import('../stop/command.js')).stopCommand,
  },
  {
    usage: 'start',
    summary: 'lift the stop, and resume the sweeps that it paused',
    load: async () => (await import('../stop/command.js')).startCommand,
  },
];
