import { USER_COLUMNS } from '../policy/source-spec';
import { didYouMean } from '../tasks/nearest';
import type { IdDefinition, Provider, StepDefinition } from './definition';
import { oneOf, ProviderError } from './problems';
import type { ProviderProblem } from './problems';
import { CATALOGUE_SERVICES } from './catalogue-services';
import { settingsReadBy, whyNotImported } from '../tasks/imported-settings';
import type { ServiceDefinition } from '../tasks/service';
import { baseUrlSettingOf, columnOf, environmentSettingOf } from './names';

/** Columns of a source that are about no provider. */
const COMMON_COLUMNS = USER_COLUMNS;

/** Returns why a provider cannot have this name; undefined when it can. */
export function whyNoProviderName(name: string): string | undefined {
  if (CATALOGUE_SERVICES.some((service) => service.name === name) || name === 'manual')
    return `is taken: ${name} belongs to the package`;
  const setting = [environmentSettingOf(name), baseUrlSettingOf(name)].find(
    (one) => one === 'NODE_ENV' || whyNotImported(one) !== undefined,
  );
  return setting === undefined
    ? undefined
    : `cannot be used: the provider would read ${setting}, which belongs to the package or to Node.js`;
}

/** Returns the IDs whose columns collide with each other or with those that every source may have. */
export function columnClashes(name: string, ids: Readonly<Record<string, IdDefinition>>): ProviderProblem[] {
  const taken = new Map<string, string>(COMMON_COLUMNS.map((column) => [column, 'the package']));
  return Object.keys(ids).flatMap((id) => {
    const column = columnOf(name, id);
    const by = taken.get(column);
    taken.set(column, id);
    return by === undefined
      ? []
      : [{ place: `ids.${id}`, message: `would have the column ${column} of ${by}; choose another name` }];
  });
}

/** A provider with the file that it is in. */
export interface NamedProvider {
  file: string;
  provider: Provider;
}

/**
 * Returns where providers have the same name, column or setting as one before them, and where their steps come after a
 * step of another one that does not exist.
 */
export function clashesBetween(providers: readonly NamedProvider[]): ProviderProblem[] {
  const clashes = providers.flatMap(({ file, provider }, index) =>
    providers.slice(0, index).flatMap((earlier) =>
      clashesOf(provider, earlier.provider).map(({ place, message }) => ({
        file,
        place,
        message: `${message} of ${earlier.file}; choose another`,
      })),
    ),
  );
  return [...clashes, ...providers.flatMap((one) => missingSteps(one, providers))];
}

/** A rule about a step that does not exist would never keep the step from running. */
function missingSteps({ file, provider }: NamedProvider, providers: readonly NamedProvider[]): ProviderProblem[] {
  return stepsOf(provider).flatMap(({ after = [] }, index) =>
    after.flatMap(({ step }, position) => {
      const other = providers.find((one) => step.startsWith(`${one.provider.name}.`))?.provider;
      // Steps that are named like keys are not known without the settings.
      if (!other || other === provider || other.service.credentials.some(({ slotField }) => slotField !== undefined))
        return [];
      const names = stepsOf(other).map((one) => `${other.name}.${one.step}`);
      if (names.includes(step)) return [];
      const message = `unknown step; allowed: ${oneOf(names)}${didYouMean(step, names)}`;
      return [{ file, place: `steps[${index}].after[${position}].step`, message }];
    }),
  );
}

function stepsOf(provider: Provider): readonly StepDefinition[] {
  return provider.steps({ keys: ['default'], options: {}, ids: Object.keys(provider.ids) });
}

function clashesOf(provider: Provider, earlier: Provider): ProviderProblem[] {
  if (provider.name === earlier.name) return [{ place: 'provider', message: `${provider.name} is the name` }];
  const columns = new Set(Object.keys(earlier.ids).map((id) => columnOf(earlier.name, id)));
  const settings = new Set(settingsOf(earlier.service));
  const shared = settingsOf(provider.service).filter((setting) => settings.has(setting));
  return [
    ...Object.keys(provider.ids)
      .filter((id) => columns.has(columnOf(provider.name, id)))
      .map((id) => ({ place: `ids.${id}`, message: `${columnOf(provider.name, id)} is a column` })),
    ...shared
      .filter((setting) => !setting.endsWith('_FILE') || !shared.includes(setting.slice(0, -'_FILE'.length)))
      .map((setting) => ({ place: 'credentials', message: `${setting} is a setting` })),
  ];
}

function settingsOf(service: ServiceDefinition): string[] {
  return [...new Set(settingsReadBy(service))];
}

/**
 * Refuses providers that cannot be in one worker: taken names, and names, columns or settings that collide.
 *
 * @throws ProviderError with every collision and its place.
 */
export function refuseClashes(providers: readonly Provider[]): void {
  const problems = providers.flatMap((provider) => {
    const why = whyNoProviderName(provider.name);
    const names = why === undefined ? [] : [{ place: `${provider.name}.name`, message: why }];
    const columns = columnClashes(provider.name, provider.ids);
    return [...names, ...columns.map(({ place, message }) => ({ place: `${provider.name}.${place}`, message }))];
  });
  const between = clashesBetween(providers.map((provider) => ({ file: provider.name, provider })));
  const all = [
    ...problems,
    ...between.map(({ file, place, message }) => ({ place: `${file ?? ''}.${place}`, message })),
  ];
  if (all.length > 0) throw new ProviderError(providers.map(({ name }) => name).join(', '), all);
}
