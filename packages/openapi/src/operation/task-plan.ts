import type {
  Effect,
  FieldPlace,
  HttpMethod,
  HttpTask,
  SensitiveField,
} from 'temporal-http-tasks/internal/tasks/define';
import type { Settle } from 'temporal-http-tasks/internal/tasks/settle';
import type { CredentialRule } from 'temporal-http-tasks/internal/tasks/service';
import type { AnswerForm, BodyForm, FieldWriting } from 'temporal-http-tasks/internal/tasks/wire';
import type { ObjectShape, Shape } from '../schema/shape';

/**
 * All that makes a task, with shapes in place of schemas: what a task at run time and generated code both come from.
 * What is usual is absent.
 */
export interface TaskPlan {
  operation: string;
  summary: string;
  description?: string;
  docs?: string;
  tags: readonly string[];
  method: HttpMethod;
  path: string;
  places: Readonly<Record<string, FieldPlace>>;
  writing?: Readonly<Record<string, FieldWriting>>;
  bodyForm?: BodyForm;
  answerForm?: AnswerForm;
  credentials?: readonly CredentialRule[];
  clientCertificate?: true;
  input: ObjectShape;
  output: Shape;
  effect: Effect;
  answerMeans?: HttpTask['answerMeans'];
  settle?: Settle;
  remedy?: string;
  sensitive?: readonly SensitiveField[];
  subjectFields?: readonly string[];
  absentCodes?: readonly string[];
  timeouts?: Partial<HttpTask['timeouts']>;
  maxResponseBytes?: number;
}
