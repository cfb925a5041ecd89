export interface PartitionState { readonly partition: number }
