/** What the catalog keeps of looks at what lies in the store: one look finds again what an earlier one found, or not. */

/** What should not be, by its name, and since when it was found in each look. */
export type ObjectFindings = ReadonlyMap<string, string>;

export interface ObjectLookCatalog {
  /** Services that were not looked at since `before`, or by a clock that was ahead of `now`; who waits longest comes first. */
  servicesToLookAt(times: { before: string; now: string }): Promise<string[]>;
  /** What the looks before have found at a service. */
  objectFindings(serviceId: string): Promise<ObjectFindings>;
  /** A look is over: what it did not find again is forgotten. */
  endObjectLook(serviceId: string, look: { lookedAt: string; findings: ObjectFindings }): Promise<void>;
}
