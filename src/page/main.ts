import type { AboutGateway, TaskPage } from '../gateway/wire.js';
import { ask, messageOf, otherGateway, Refused, useToken } from './api.js';
import { CredentialsView } from './credentials-view.js';
import { element, fill, freshId } from './dom.js';
import { RunsView } from './runs-view.js';
import { TaskList } from './task-list.js';
import { TaskView } from './task-view.js';

const main = document.querySelector('main') ?? document.body;
const list = new TaskList();
let about: AboutGateway | undefined;
/** Ends what the view that is shown still does. */
let leaving = new AbortController();

async function start(): Promise<void> {
  takeTokenFromAddress();
  window.addEventListener('hashchange', () => void show());
  await connect();
}

/** The command line opens the page with `#token=…`; it stays neither in the address bar nor in the history. */
function takeTokenFromAddress(): void {
  const token = new URLSearchParams(window.location.hash.slice(1)).get('token');
  if (token === null) return;
  useToken(token);
  window.history.replaceState(undefined, '', '#/tasks');
}

async function connect(): Promise<void> {
  try {
    about = await ask<AboutGateway>('GET', '/api/about');
  } catch (error) {
    if (error instanceof Refused && error.status === 401) askForToken();
    else if (otherGateway !== '') fill(main, unreachable(error), new CredentialsView().node);
    else fill(main, unreachable(error));
    return;
  }
  const where = about.temporal === undefined ? 'no Temporal server' : about.temporal.where;
  const line = document.querySelector('#about');
  if (line) line.textContent = `${otherGateway === '' ? '' : `${otherGateway} · `}${where}`;
  void list.load();
  await show();
}

function unreachable(error: unknown): HTMLElement {
  return element('p', { class: 'warning', text: messageOf(error), attributes: { role: 'alert' } });
}

function askForToken(): void {
  const id = freshId('token');
  const input = element('input', { attributes: { id, type: 'password', autocomplete: 'new-password' } });
  const onSubmit = (event: Event): void => {
    event.preventDefault();
    useToken(input.value);
    void connect();
  };
  fill(
    main,
    element('form', { class: 'panel login', on: { submit: onSubmit } }, element('h1', { text: 'Token' }), element('p', { text: 'This gateway asks for its token. It is kept until you leave the page.' }), element('label', { text: 'Token', attributes: { for: id } }), input, element('div', { class: 'bar' }, element('button', { text: 'Go on', class: 'primary', attributes: { type: 'submit' } }))),
  );
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
  if (page === 'runs') fill(main, new RunsView(about, leaving.signal).node);
  else if (page === 'credentials') fill(main, new CredentialsView().node);
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
    document.title = `${task.name} · http-tasks console`;
  } catch (error) {
    if (!signal.aborted) fill(place, unreachable(error));
  }
}

function welcome(): HTMLElement {
  return element(
    'article',
    { class: 'task welcome' },
    element('h1', { text: 'HTTP tasks' }),
    element('p', { text: 'Search for the call you want to make, or choose one from the list. Its reference, a prepared request and code that follows what you type appear here.' }),
    element('ul', {}, element('li', { text: 'Test request sends it from the gateway, with the keys put in there.' }), element('li', { text: 'Run durably has a worker make it, through Temporal.' }), element('li', { text: 'What cannot be undone wants its name typed.' })),
  );
}

void start();
