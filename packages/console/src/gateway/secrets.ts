import { slotNamesIn } from 'temporal-http-tasks/internal/config/credential';
import type { Env, SettingProblem } from 'temporal-http-tasks/internal/config/env';
import { bindingLine, keyBindings, servicePlace } from 'temporal-http-tasks/internal/config/service-settings';
import { ProblemList, Secret, SettingsError } from 'temporal-http-tasks/internal/config/env';
import type { SenderSettings } from 'temporal-http-tasks/internal/config/sender-settings';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { settingsOf } from 'temporal-http-tasks/internal/tasks/service';
import type { ServiceDefinition } from 'temporal-http-tasks/internal/tasks/service';
import { GatewayRefusal } from './http-error';
import type { ServiceCredentials, SettingState } from './wire';

const MISSING = 'is missing; enter it under Credentials, or set it for the gateway.';

/**
 * The gateway's keys: those of its environment, and those entered for this session. Entered keys are kept only in this
 * object: they are never stored, and no response contains them.
 */
export class GatewaySecrets {
  readonly #env: Env;
  readonly #entered = new Map<string, string>();
  readonly #services: readonly ServiceDefinition[];

  constructor(env: Env, services: readonly ServiceDefinition[]) {
    this.#env = env;
    this.#services = services;
  }

  /** The effective settings. */
  get env(): Env {
    const env: Record<string, string | undefined> = { ...this.#env };
    for (const [setting, value] of this.#entered) {
      env[setting] = value;
      delete env[`${setting}_FILE`];
    }
    return env;
  }

  /** @throws SettingsError if keys of these services are missing or wrong. */
  senderSettings(services: readonly ServiceDefinition[]): SenderSettings {
    try {
      return readSenderSettings(this.env, services);
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      throw new SettingsError(error.problems.map((problem) => this.#forThePage(problem)));
    }
  }

  /** A credential that is missing can be entered on the page, so its problem says that rather than how to set a variable. */
  #forThePage(problem: SettingProblem): SettingProblem {
    const isCredential = this.#services.some(({ credentials }) =>
      credentials.some((rule) => settingsOf(rule).includes(problem.setting)),
    );
    if (!isCredential || this.#sourceOf(problem.setting) !== undefined) return problem;
    return { ...problem, message: MISSING };
  }

  #sourceOf(setting: string): SettingState['from'] {
    const isSet = (name: string): boolean => (this.#env[name]?.trim() ?? '') !== '';
    if (this.#entered.has(setting)) return 'entered';
    return isSet(setting) ? 'variable' : isSet(`${setting}_FILE`) ? 'file' : undefined;
  }

  service(name: string): ServiceDefinition {
    const service = this.#services.find((one) => one.name === name);
    if (!service) throw new GatewayRefusal(404, 'NotFound', `There is no service "${name}".`);
    return service;
  }

  /**
   * Sets credentials of services for this session; an empty value removes what was entered before. Applies all of them
   * or none.
   */
  enter(values: Readonly<Record<string, string>>): void {
    const known = new Map(
      this.#services.flatMap((service) =>
        service.credentials.flatMap(settingsOf).map((setting) => [setting, service] as const),
      ),
    );
    for (const setting of Object.keys(values)) {
      if (!known.has(setting))
        throw new GatewayRefusal(400, 'Settings', `${setting} is not a credential of a service here.`, {
          field: setting,
        });
    }
    const before = new Map(this.#entered);
    for (const [setting, value] of Object.entries(values)) {
      if (value === '') this.#entered.delete(setting);
      else this.#entered.set(setting, value);
    }
    for (const [setting, value] of Object.entries(values)) {
      const service = known.get(setting);
      const problem =
        value === '' || !service ? undefined : this.#problemsOf(service).find((one) => one.setting === setting);
      if (!problem) continue;
      this.#entered.clear();
      for (const [name, old] of before) this.#entered.set(name, old);
      throw new GatewayRefusal(400, 'Settings', `${setting} ${problem.message}`, { field: setting });
    }
  }

  /** Returns what is known about each service's keys; no values. */
  overview(isCheckable: (service: ServiceDefinition) => boolean): ServiceCredentials[] {
    return this.#services
      .filter(({ credentials }) => credentials.length > 0)
      .map((service) => this.#overviewOf(service, isCheckable(service)));
  }

  #overviewOf(service: ServiceDefinition, checkable: boolean): ServiceCredentials {
    const problems = this.#problemsOf(service);
    const settings = service.credentials.flatMap((rule) =>
      settingsOf(rule).map((setting) => this.#stateOf(setting, rule.slotField !== undefined, problems)),
    );
    const own = new Set(settings.flatMap(({ setting }) => [setting, `${setting}_FILE`]));
    const { environment = '', address = '', production } = servicePlace(this.env, service);
    return {
      service: service.name,
      title: service.title,
      environment,
      production,
      baseUrl: address,
      settings,
      problems: problems
        .filter(({ setting }) => !own.has(setting))
        .map(({ setting, message }) => `${setting} ${message}`),
      checkable,
      ...(service.imported && { keysGoTo: keyBindings(this.env, [service]).map(bindingLine) }),
    };
  }

  #stateOf(setting: string, hasSlots: boolean, problems: readonly SettingProblem[]): SettingState {
    const from = this.#sourceOf(setting);
    const problem = problems.find((one) => one.setting === setting || one.setting === `${setting}_FILE`)?.message;
    if (from === undefined) return { setting, state: 'missing' };
    if (problem !== undefined) return { setting, state: 'wrong', from, problem };
    const slots = hasSlots
      ? slotNamesIn(Secret.read(this.env, setting, new ProblemList(), { required: false })?.value ?? '')
      : [];
    return { setting, state: 'set', from, ...(slots.length > 0 && { slots }) };
  }

  #problemsOf(service: ServiceDefinition): readonly SettingProblem[] {
    try {
      this.senderSettings([service]);
      return [];
    } catch (error) {
      if (error instanceof SettingsError) return error.problems;
      throw error;
    }
  }
}
