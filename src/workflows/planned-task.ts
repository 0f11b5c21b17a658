import type { ConvergePlan } from '../policy/converge';
import type { PlannedTask } from '../policy/providers/step-plan';
import { Catalogue } from '../providers/catalogue';
import type { HttpTask } from '../tasks/define';

const catalogue = new Catalogue();

/** The task as the plan knows it; of two effects the more careful counts. */
export function taskOf(
  name: string,
  planned: PlannedTask | undefined,
): Pick<HttpTask, 'name' | 'generic' | 'effect' | 'summary'> & { service: { name: string } } {
  const known = catalogue.find(name);
  if (!planned) throw new Error(`The plan has no task ${name}.`);
  const effects = [planned.effect, known?.effect];
  const effect =
    (['irreversible', 'repeatSafe', 'read'] as const).find((one) => effects.includes(one)) ?? 'irreversible';
  const [service = ''] = name.split('.', 1);
  return { name, generic: known?.generic ?? false, effect, summary: planned.summary, service: { name: service } };
}

/** The lists of which everything is to be removed. */
export function wholeListsOf({ plan, ids }: ConvergePlan): string[] {
  return plan.steps.flatMap((step) => {
    if (step.kind !== 'list') return [];
    const { step: name, provider, only } = step.plan;
    return only !== undefined && ids[provider]?.[only] !== undefined ? [] : [name];
  });
}
