import type { AboutGateway, TaskPage } from '../gateway/wire.js';
import { ask, messageOf, Refused } from './api.js';
import { CredentialsView } from './credentials-view.js';
import { button, element, fill, freshId } from './dom.js';
import { currentGateway, gateways, isOwn, keepToken, signedFor, takeTokenFromAddress, useGateway } from './gateways.js';
import { RunsView } from './runs-view.js';
import { TaskList } from './task-list.js';
import { TaskView } from './task-view.js';

const main = document.querySelector('main') ?? document.body;
const list = new TaskList();
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

/** `/` and Ctrl-K or Cmd-K move to the search field, unless an input has the focus or a dialog is open. */
function onShortcut(event: KeyboardEvent): void {
  const isCommand = event.key.toLowerCase() === 'k' && (event.ctrlKey || event.metaKey) && !event.altKey;
  const isTyping = event.target instanceof Element && event.target.closest('input, select, textarea') !== null;
  const isSlash = event.key === '/' && !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping;
  if (about === undefined || !(isCommand || isSlash) || document.querySelector('dialog[open]')) return;
  event.preventDefault();
  if (!list.node.isConnected) {
    window.location.hash = '#/tasks';
    window.addEventListener('hashchange', () => window.setTimeout(() => list.focusSearch()), { once: true });
  } else list.focusSearch();
}

async function connect(): Promise<void> {
  leaving.abort();
  drawHeader(undefined);
  try {
    about = await ask<AboutGateway>('GET', '/api/about');
  } catch (error) {
    about = undefined;
    if (error instanceof Refused && error.status === 401) askForToken();
    else fill(main, unreachable(error), !isOwn(currentGateway()) && element('p', { class: 'bar' }, backButton()));
    return;
  }
  drawHeader(about);
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
    if (link.dataset['page'] === page) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  titleIs({ runs: 'Runs', credentials: 'Credentials' }[page] ?? 'Tasks');
  if (page === 'runs') fill(main, new RunsView(about, leaving.signal).node);
  else if (page === 'credentials') fill(main, new CredentialsView(() => void connect()).node);
  else await showTasks(name === undefined ? undefined : decodeURIComponent(name), leaving.signal);
}

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
        ' or ',
        element('kbd', { text: 'Ctrl-K' }),
        ' to search.',
      ),
      element('li', { text: 'Calls that delete data or cannot be undone ask you to type the task name.' }),
    ),
  );
}

void start();
