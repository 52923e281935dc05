/** Buckets of customers in the catalog. */

export interface ExternalBucketRecord {
  /** 32 hex digits; also what the credentials are sealed for. */
  id: string;
  /** `s3://bucket/prefix` */
  location: string;
  /** The credentials, sealed under the deployment's key. */
  sealed: string;
}

interface UnneededBucket extends Pick<ExternalBucketRecord, 'id' | 'location'> {
  backups: { id: string; scheduleId: number }[];
}

export interface ExternalBucketCatalog {
  /** Where a backup lies, or is to lie, when that is a customer's bucket; undefined for the managed storage. */
  findExternalBucket(backupId: string): Promise<ExternalBucketRecord | undefined>;
  /** Where a restore begins that begins at a backup which Tidemark did not make; undefined for any other. */
  findRestoreSource(restoreId: number): Promise<ExternalBucketRecord | undefined>;
  /** A bucket by its own id. */
  findBucket(id: string): Promise<ExternalBucketRecord | undefined>;
  /**
   * Buckets that no schedule and no backup needs any more, some of them, oldest first; with their backups, all of
   * which have come to nothing.
   */
  unneededBuckets(): Promise<UnneededBucket[]>;
  /** Forgets a bucket and its credentials, unless it is needed. @returns whether it was forgotten */
  forgetBucket(id: string): Promise<boolean>;
  /** All buckets, a page of them in the order of their ids. @param after the last one seen */
  listSealed(after: string, limit: number): Promise<ExternalBucketRecord[]>;
  /**
   * Replaces an envelope by another one of the same credentials.
   *
   * @param before what is to be replaced
   * @returns false when it is not there any more
   */
  resealBucket(id: string, before: string, sealed: string): Promise<boolean>;
}
