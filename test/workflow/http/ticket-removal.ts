// Imported by workflows too, so it comes from the sandbox-safe entry.
import { z } from 'zod';
import { defineHttpTask, defineService } from '../../../src/workflow';

const desk = defineService({
  name: 'desk',
  title: 'Ticket desk',
  environments: { default: 'https://desk.example.com' },
  defaultEnvironment: 'default',
  baseUrlSetting: 'DESK_BASE_URL',
  credentials: [],
  errors: { fields: { code: 'error' }, rules: [] },
});

export const ticketGet = defineHttpTask({
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

const removal = {
  service: desk,
  summary: 'Remove a ticket',
  method: 'DELETE',
  path: '/tickets/{id}',
  places: { id: 'path' },
  input: z.strictObject({ id: z.string() }),
  effect: 'irreversible',
  remedy: 'Open a new ticket.',
} as const;

/** A lost response is settled by reading the ticket. */
export const ticketRemove = defineHttpTask({
  ...removal,
  operation: 'ticketRemove',
  output: z.looseObject({ removed: z.boolean() }),
  settle: {
    by: 'look',
    with: ticketGet,
    input: { id: '${id}' },
    absent: [404, 'erased', { state: 'removed' }],
    output: { removed: true },
    lagMs: 100,
  },
});

/** The same without a read. */
export const ticketShred = defineHttpTask({
  ...removal,
  operation: 'ticketShred',
  output: z.looseObject({}),
  settle: { by: 'resend', basis: 'assumed' },
});
