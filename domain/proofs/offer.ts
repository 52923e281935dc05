/** What the settings of an agent say that brings other services back for drills. */
export interface ProverOffer {
  /** Also those of its own host, its own service included. */
  ownHost: boolean;
}
