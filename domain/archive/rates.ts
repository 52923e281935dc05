/**
 * How fast a host restores: by what its restores took, and where there were none, or few, by the settings. Each stage is
 * taken to need some time whatever the size and some for each byte; what was measured pulls both away from the settings,
 * each time weighed by how far the estimate would have been off, not by how long it took.
 */
import { type RestoreRates, type Stage, type StageRate, stages } from './estimate.ts';

/** One stage of one restore; of a stage that was done several times, what each took in the mean. */
export interface StageMeasurement {
  stage: Stage;
  bytes: number;
  seconds: number;
}

/** The same, as it was kept. */
export interface KeptMeasurement extends StageMeasurement {
  /** RFC 3339, in UTC. */
  at: string;
}

/** What one restore took, on the host of an agent. */
export interface HostMeasurements {
  agentId: string;
  /** Of the restore, or of the drill. */
  workflowId: string;
  stages: StageMeasurement[];
}

/** How much less each earlier measurement counts than the one after it. */
const fading = 0.7;
/** How much the settings count, of one measurement. */
const trust = 0.01;
/** By how many times, as a power of e, a host may be faster or slower than the settings say. */
const widest = 9;
/** How closely that is looked for: first everywhere, then around what was found. */
const steps = [
  { around: widest, by: 0.15 },
  { around: 0.15, by: 0.01 },
];
/** What passes for nothing. Seconds. */
const least = 0.001;

/** What a deployment's settings say. Bytes a second. */
export interface RatesOfSettings {
  /** Of a physical backup before its compression: fetched, extracted and prepared. */
  physical: number;
  /** Of a dump, likewise, loaded. */
  dump: number;
  /** Of the binlogs that are replayed. */
  binlog: number;
  /** For the private server, its check, and the cut-over; seconds. */
  fixedSeconds: number;
}

/** Fetching and unpacking take about twice as long as preparing does. */
export function ratesOfSettings({ physical, dump, binlog, fixedSeconds }: RatesOfSettings): RestoreRates {
  const by = (bytesPerSecond: number): StageRate => ({ seconds: 0, bytesPerSecond });
  return {
    fetching: by(physical * 1.5),
    preparing: by(physical * 3),
    applying: by(physical),
    loading: by(dump),
    replaying: by(binlog),
    rest: { seconds: fixedSeconds, bytesPerSecond: Infinity },
  };
}

/** @param measured on one host, in whatever order */
export function ratesFrom(settings: RestoreRates, measured: readonly KeptMeasurement[]): RestoreRates {
  const newestFirst = measured.toSorted((a, b) => (a.at < b.at ? 1 : -1));
  const byStage = Map.groupBy(newestFirst, ({ stage }) => stage);
  return Object.fromEntries(
    stages.map((stage) => [stage, rateFrom(settings[stage], byStage.get(stage) ?? [])]),
  ) as Record<Stage, StageRate>;
}

/** @param measured the newest first */
function rateFrom(settings: StageRate, measured: readonly KeptMeasurement[]): StageRate {
  const [newest] = measured;
  if (!newest) return settings;
  const line = fitted(settings, measured);
  return { ...line, measured: { times: measured.length, last: newest.at } };
}

/** How long a stage takes in any case, and by what power of e a byte takes longer than the settings say. */
interface Guess {
  seconds: number;
  power: number;
  /** How badly it explains what was measured. */
  cost: number;
}

/**
 * The least squares of how far the estimates would have been off, as shares of what it took. Few measurements leave open how
 * much of the time was due to the size: then that is chosen which is nearest to the settings, a host that is some times
 * slower being as likely as a stage that takes some seconds more in any case.
 */
function fitted(settings: StageRate, measured: readonly KeptMeasurement[]): StageRate {
  const points = measured.map(({ bytes, seconds }, age) => {
    const taken = Math.max(seconds, least);
    const weight = fading ** age / taken ** 2;
    return { taken, weight, byBytes: bytes / settings.bytesPerSecond };
  });
  // The more it took, the more seconds in any case are likely, if by far not as many.
  const doubt = trust / Math.max(1, Math.min(...points.map(({ taken }) => taken)));
  const guessAt = (power: number): Guess => {
    const times = Math.exp(power);
    const sums = points.reduce(
      (sum, { taken, weight, byBytes }) => ({
        weight: sum.weight + weight,
        left: sum.left + weight * (taken - times * byBytes),
      }),
      { weight: doubt, left: doubt * settings.seconds },
    );
    const seconds = Math.max(0, sums.left / sums.weight);
    const cost = points.reduce(
      (sum, { taken, weight, byBytes }) => sum + weight * (seconds + times * byBytes - taken) ** 2,
      trust * power ** 2 + doubt * (seconds - settings.seconds) ** 2,
    );
    return { seconds, power, cost };
  };
  let best = guessAt(0);
  for (const { around, by } of steps) {
    const middle = best.power;
    for (let step = -Math.round(around / by); step * by <= around; step += 1) {
      const guess = guessAt(middle + step * by);
      if (guess.cost < best.cost) best = guess;
    }
  }
  return { seconds: best.seconds, bytesPerSecond: settings.bytesPerSecond / Math.exp(best.power) };
}
