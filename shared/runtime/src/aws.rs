//! How the deployed functions reach AWS: region, credentials and endpoints as the environment says, one pool of connections for all services.
//! Must not know which services there are.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};

/// A request to AWS that was not answered by then is taken as lost and repeated. By itself the SDK would wait for as long as the function lives.
const ATTEMPT: Duration = Duration::from_secs(10);
/// The SDK's variable of all services' endpoint; with `_SERVICE` behind it, that of one.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// AWS as the environment describes it. Calls nobody.
pub(crate) async fn of_process() -> SdkConfig {
    let waits = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).build();
    let endpoints = std::env::vars().filter(|(name, _)| name.starts_with(ENDPOINT));
    let plain = is_plain(endpoints);
    // Reading the system's certificates takes longer than everything else at a cold start, and each service's own client would do it again.
    let roots = TrustStore::empty().with_native_roots(!plain);
    let loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(waits);
    let Ok(context) = TlsContext::builder().with_trust_store(roots).build() else { return loader.load().await };
    let provider = Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    loader.http_client(provider.tls_context(context).build_https()).load().await
}

/// Whether AWS is an emulator of this machine that is reached without TLS, so that certificates are of no use.
fn is_plain(endpoints: impl Iterator<Item = (String, String)>) -> bool {
    let mut all = false;
    for (name, url) in endpoints {
        if !url.starts_with("http://") {
            return false;
        }
        all |= name == ENDPOINT;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_where_no_service_needs_them_are_certificates_left_out() {
        let is_plain = |set: &[(&str, &str)]| is_plain(set.iter().map(|(n, u)| ((*n).to_owned(), (*u).to_owned())));
        let (all, sqs) = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS");
        assert!(is_plain(&[(all, "http://127.0.0.1:4566")]));
        assert!(is_plain(&[(all, "http://127.0.0.1:4566"), (sqs, "http://127.0.0.1:9324")]));
        assert!(!is_plain(&[]));
        assert!(!is_plain(&[(all, "https://emulator.example.com")]));
        assert!(!is_plain(&[(sqs, "http://127.0.0.1:9324")]), "the other services are at AWS");
        assert!(!is_plain(&[(all, "http://127.0.0.1:4566"), (sqs, "https://sqs.us-east-1.amazonaws.com")]));
    }
}
