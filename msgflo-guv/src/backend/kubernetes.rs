//! Kubernetes: workers are the replicas of a deployment.
