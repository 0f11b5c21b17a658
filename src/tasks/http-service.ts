import { defineService } from './service';

/**
 * Any HTTP API whose origin the operator allows (`HTTP_TASKS_HTTP_ALLOW`). It has no credentials of its own; a header
 * may name a secret as `{{secret:NAME}}`, which is put in at send time and only for the origin it belongs to.
 */
export const httpService = defineService({
  name: 'http',
  title: 'Any HTTP API',
  environments: { default: 'http://localhost' },
  defaultEnvironment: 'default',
  errors: { fields: { code: 'code' }, rules: [] },
});
