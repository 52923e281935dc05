/** Buckets of customers in the catalog. */

export interface ExternalBucketRecord {
  /** 32 hex digits; also what the credentials are sealed for. */
  id: string;
  /** `s3://bucket/prefix` */
  location: string;
  /** The credentials, sealed under the deployment's key. */
  sealed: string;
}

export interface ExternalBucketCatalog {
  /** Where a backup lies, or is to lie, when that is a customer's bucket; undefined for the managed storage. */
  findExternalBucket(backupId: string): Promise<ExternalBucketRecord | undefined>;
}
