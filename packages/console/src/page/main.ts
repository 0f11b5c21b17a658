import type { AboutGateway, TaskPage } from '../gateway/wire.js';
import { ask, messageOf, Refused } from './api.js';
import { historyView } from './call-history.js';
import { CredentialsView } from './credentials-view.js';
import { button, element, fill, freshId } from './dom.js';
import { currentGateway, gateways, isOwn, keepToken, signedFor, takeTokenFromAddress, useGateway } from './gateways.js';
import { HoldsView } from './holds-view.js';
import { LimitsView } from './limits-view.js';
import { openPalette, openShortcuts, PLACES } from './palette.js';
import { ProvidersView } from './providers-view.js';
import { RequestsView } from './requests-view.js';
import { RunsView } from './runs-view.js';
import { SchedulesView } from './schedules-view.js';
import { StopBanner, StopView } from './stop-view.js';
import { SweepView } from './sweep-view.js';
import { TaskList } from './task-list.js';
import { TaskView } from './task-view.js';

const main = document.querySelector('main') ?? document.body;
const list = new TaskList();
let banner: StopBanner | undefined;
let about: AboutGateway | undefined;
/** Ends the work of the current view. */
let leaving = new AbortController();

async function start(): Promise<void> {
  takeTokenFromAddress();
  // The link can also be opened in a tab that already has the page.
  window.addEventListener(
    'hashchange',
    () => void (takeTokenFromAddress() || about === undefined ? connect() : show()),
  );
  window.addEventListener('keydown', onShortcut);
  await connect();
}

/** When `g` was pressed, which the next key completes; in milliseconds. */
let goAt = -Infinity;
const GO_WITHIN_MS = 1_500;

/** Ctrl-K or Cmd-K opens the palette anywhere; the other keys count unless an input has the focus or a dialog is open. */
function onShortcut(event: KeyboardEvent): void {
  if (about === undefined || document.querySelector('dialog[open]') || event.altKey) return;
  const isCommand = event.ctrlKey || event.metaKey;
  if (isCommand && event.key.toLowerCase() === 'k') openPalette();
  else if (isCommand || (event.target instanceof Element && event.target.closest('input, select, textarea') !== null))
    return;
  else if (event.key === '/') searchTasks();
  else if (event.key === '?') openShortcuts();
  else {
    const place = event.timeStamp - goAt < GO_WITHIN_MS ? PLACES.find(({ key }) => key === event.key) : undefined;
    goAt = event.key === 'g' ? event.timeStamp : -Infinity;
    if (!place) return;
    window.location.hash = place.hash;
  }
  event.preventDefault();
}

function searchTasks(): void {
  if (list.node.isConnected) {
    list.focusSearch();
    return;
  }
  window.location.hash = '#/tasks';
  window.addEventListener('hashchange', () => window.setTimeout(() => list.focusSearch()), { once: true });
}

async function connect(): Promise<void> {
  leaving.abort();
  drawHeader(undefined);
  banner?.clear();
  try {
    about = await ask<AboutGateway>('GET', '/api/about');
  } catch (error) {
    about = undefined;
    if (error instanceof Refused && error.status === 401) askForToken();
    else fill(main, unreachable(error), !isOwn(currentGateway()) && element('p', { class: 'bar' }, backButton()));
    return;
  }
  drawHeader(about);
  const place = document.querySelector('#stop');
  if (place) banner ??= new StopBanner(place);
  void banner?.read();
  void list.load();
  await show();
}

/** Names the gateway in use if it is not the page's own: everything shown and sent depends on it. */
function drawHeader(known: AboutGateway | undefined): void {
  const gateway = currentGateway();
  const where = known === undefined ? '' : known.temporal === undefined ? 'no Temporal server' : known.temporal.where;
  const line = document.querySelector('#about');
  if (line)
    fill(
      line,
      !isOwn(gateway) && element('span', { class: 'mark other-gateway', text: `other gateway: ${gateway}` }),
      known?.environment !== undefined &&
        element('span', {
          class: `mark environment ${known.production === undefined ? 'plain' : 'production'}`,
          text: known.production ?? known.environment,
          attributes: { title: 'The environment that runs go to' },
        }),
      where,
    );
}

function unreachable(error: unknown): HTMLElement {
  return element('p', { class: 'warning', text: messageOf(error), attributes: { role: 'alert' } });
}

function backButton(): HTMLElement {
  return button("Use this page's own gateway", () => {
    const [own] = gateways();
    if (own !== undefined) useGateway(own);
    void connect();
  });
}

/** A token is sent only to the gateway that it was typed for. */
function askForToken(): void {
  const gateway = currentGateway();
  const own = isOwn(gateway);
  titleIs('Sign in');
  const refused = Object.keys(signedFor(gateway)).length > 0;
  const id = freshId('token');
  const input = element('input', {
    attributes: {
      id,
      type: 'password',
      autocomplete: 'new-password',
      spellcheck: 'false',
      'aria-describedby': `${id}-hint`,
    },
  });
  const onSubmit = (event: Event): void => {
    event.preventDefault();
    keepToken(gateway, input.value);
    void connect();
  };
  const where = own
    ? element(
        'p',
        {},
        'Open the link that ',
        element('code', { text: 'http-tasks console' }),
        ' printed, or paste the token in it. Where ',
        element('code', { text: 'HTTP_TASKS_CONSOLE_TOKEN' }),
        ' is set, that is the token.',
      )
    : element(
        'p',
        {},
        'This page did not come from ',
        element('b', { text: gateway }),
        '. Enter the token of that gateway; the token of this page is not sent there.',
      );
  const form = element(
    'form',
    { class: 'panel login', on: { submit: onSubmit } },
    element('h1', { text: own ? 'Sign in' : 'Sign in to another gateway' }),
    refused &&
      element('p', { class: 'warning', text: 'The gateway did not accept this token.', attributes: { role: 'alert' } }),
    where,
    element('label', { text: 'Token', attributes: { for: id } }),
    input,
    element('p', {
      class: 'hint',
      text: 'Kept in this page until you reload or close it.',
      attributes: { id: `${id}-hint` },
    }),
    element(
      'div',
      { class: 'bar' },
      element('button', { text: 'Sign in', class: 'primary', attributes: { type: 'submit' } }),
      !own && backButton(),
    ),
  );
  fill(main, form);
  input.focus();
}

async function show(): Promise<void> {
  leaving.abort();
  leaving = new AbortController();
  const [, page = 'tasks', name] = window.location.hash.split('/');
  for (const link of document.querySelectorAll<HTMLElement>('[data-page]')) {
    if (link.dataset['page'] === (page === 'sweep' ? 'runs' : page)) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  const named = name === undefined ? undefined : decodeURIComponent(name);
  const { signal } = leaving;
  titleIs(TITLES[page] ?? 'Tasks');
  const view = viewOf(page, named, signal);
  if (view) fill(main, view.node);
  else await showTasks(named, signal);
}

/** Returns the view of a page other than the tasks. */
function viewOf(page: string, named: string | undefined, signal: AbortSignal): { node: HTMLElement } | undefined {
  switch (page) {
    case 'runs':
      return new RunsView(about, named, signal);
    case 'sweep':
      return new SweepView(about, signal);
    case 'holds':
      return new HoldsView(signal);
    case 'schedules':
      return new SchedulesView(about, signal);
    case 'requests':
      return new RequestsView(signal);
    case 'limits':
      return new LimitsView(signal);
    case 'stop':
      return banner && new StopView(about, banner, signal);
    case 'providers':
      return new ProvidersView(signal);
    case 'credentials':
      return new CredentialsView(() => void connect());
    default:
      return undefined;
  }
}

const TITLES: Readonly<Record<string, string>> = {
  runs: 'Runs',
  sweep: 'Start a sweep',
  holds: 'Holds',
  schedules: 'Schedules',
  requests: 'Requests',
  limits: 'Limits on calls',
  stop: 'Emergency stop',
  providers: 'Providers and policy',
  credentials: 'Credentials',
};

async function showTasks(name: string | undefined, signal: AbortSignal): Promise<void> {
  let place = main.querySelector('.content');
  if (!place) {
    place = element('div', { class: 'content' });
    fill(main, element('div', { class: 'columns' }, list.node, place));
  }
  list.mark(name);
  if (name === undefined) {
    fill(place, welcome());
    return;
  }
  try {
    const task = await ask<TaskPage>('GET', `/api/tasks/${encodeURIComponent(name)}`, undefined, signal);
    fill(place, new TaskView(task, about?.temporal !== undefined, signal).node);
    titleIs(task.name);
  } catch (error) {
    if (!signal.aborted) fill(place, unreachable(error));
  }
}

function titleIs(text: string): void {
  document.title = `${text} · http-tasks console`;
}

function welcome(): HTMLElement {
  return element(
    'article',
    { class: 'task welcome' },
    element('h1', { text: 'HTTP tasks' }),
    element('p', {
      text: 'Search for the call you want to make, or choose one from the list. Its reference, a prepared request and code that follows what you type appear here.',
    }),
    element(
      'ul',
      {},
      element('li', { text: 'Test request sends it from the gateway, with its credentials.' }),
      element('li', { text: 'Run as workflow: a worker makes the call, with its own credentials.' }),
      element(
        'li',
        {},
        'Press ',
        element('kbd', { text: '/' }),
        ' to search, ',
        element('kbd', { text: 'Ctrl-K' }),
        ' to go anywhere, ',
        element('kbd', { text: '?' }),
        ' for all keys.',
      ),
      element('li', { text: 'Calls that delete data or cannot be undone ask you to type the task name.' }),
    ),
    historyView(),
  );
}

void start();
