//! Records as their vendors write them, with a few words for what differs from one to the next.
//!
//! Addresses are documentation addresses (RFC 5737), which the databases in `replay-data/geo/` place
//! in the cities named here.

use jiff::Timestamp;
use serde_json::{Value, json};

/// Where somebody is.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    ip: &'static str,
    city: &'static str,
    country: &'static str,
    lat: f64,
    lon: f64,
}

/// Homes and offices.
pub const OSLO: Place = place("192.0.2.10", "Oslo", "Norway", 59.9139, 10.7522);
/// The same.
pub const LONDON: Place = place("192.0.2.44", "London", "United Kingdom", 51.5074, -0.1278);
/// Far from both.
pub const LIMA: Place = place("198.51.100.170", "Lima", "Peru", -12.0464, -77.0428);
/// A cloud.
pub const ASHBURN: Place = place(
    "198.51.100.70",
    "Ashburn",
    "United States",
    39.0438,
    -77.4874,
);

const fn place(
    ip: &'static str,
    city: &'static str,
    country: &'static str,
    lat: f64,
    lon: f64,
) -> Place {
    Place {
        ip,
        city,
        country,
        lat,
        lon,
    }
}

/// RFC 3339 of milliseconds since 1970.
pub fn rfc3339(millis: i64) -> String {
    let time = Timestamp::from_millisecond(millis).expect("a time");
    format!("{time:.3}")
}

/// An event of the Okta System Log: a person in an organisation.
#[derive(Clone, Debug)]
pub struct Okta<'a> {
    /// Id of the user.
    pub user: &'a str,
    /// `eventType`.
    pub event: &'a str,
    /// Milliseconds since 1970.
    pub at: i64,
    /// Where the client is.
    pub from: Place,
    /// Id of the device.
    pub device: &'a str,
    /// Id of the session.
    pub session: &'a str,
}

impl Okta<'_> {
    /// The record.
    pub fn json(&self) -> Value {
        let Place {
            ip,
            city,
            country,
            lat,
            lon,
        } = self.from;
        let place = json!({"city": city, "state": null, "country": country, "postalCode": null,
            "geolocation": {"lat": lat, "lon": lon}});
        json!({
            "uuid": format!("okta-{}-{}-{}", self.user, self.at, self.device),
            "published": rfc3339(self.at),
            "eventType": self.event,
            "version": "0",
            "severity": "INFO",
            "displayMessage": "an event of a person",
            "actor": {"id": self.user, "type": "User", "alternateId": format!("{}@example.com", self.user),
                "displayName": self.user, "detailEntry": null},
            "client": {"userAgent": {"rawUserAgent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/131.0",
                    "os": "Mac OS X", "browser": "CHROME"},
                "zone": "null", "device": "Computer", "id": null, "ipAddress": ip, "geographicalContext": place},
            "device": {"id": self.device, "managed": true, "registered": true, "jailbreak": null},
            "authenticationContext": {"authenticationProvider": "OKTA_AUTHENTICATION_PROVIDER",
                "credentialType": "PASSWORD", "authenticationStep": 0,
                "rootSessionId": self.session, "externalSessionId": self.session},
            "outcome": {"result": "SUCCESS", "reason": null},
            "securityContext": {"asNumber": null, "asOrg": null, "isp": null, "domain": null, "isProxy": false},
            "request": {"ipChain": [{"ip": ip, "geographicalContext": place, "version": "V4", "source": null}]},
            "debugContext": {"debugData": {"requestUri": "/app/home", "origin": "https://acme.okta.com"}},
            "target": []
        })
    }
}

/// A call in AWS CloudTrail: a role that a machine has assumed.
#[derive(Clone, Debug)]
pub struct CloudTrail<'a> {
    /// Name of the role.
    pub role: &'a str,
    /// `s3:GetObject`: service and name of the call.
    pub call: &'a str,
    /// Milliseconds since 1970.
    pub at: i64,
    /// Where the call comes from.
    pub from: Place,
    /// Id of the temporary access key; an identifier, not a secret.
    pub key: &'a str,
}

impl CloudTrail<'_> {
    /// The record.
    pub fn json(&self) -> Value {
        let Self {
            role,
            at,
            key,
            from,
            ..
        } = self;
        let (service, name) = self.call.split_once(':').expect("service:Name");
        let time = rfc3339(at - at % 1000).replace(".000Z", "Z");
        json!({
            "eventVersion": "1.11",
            "userIdentity": {"type": "AssumedRole", "principalId": format!("AROAEXAMPLEID1234567:{role}"),
                "arn": format!("arn:aws:sts::111122223333:assumed-role/{role}/{role}"),
                "accountId": "111122223333", "accessKeyId": key,
                "sessionContext": {
                    "sessionIssuer": {"type": "Role", "principalId": "AROAEXAMPLEID1234567",
                        "arn": CloudTrail::identity(role), "accountId": "111122223333", "userName": role},
                    "attributes": {"creationDate": "2026-03-01T00:00:00Z", "mfaAuthenticated": "false"}}},
            "eventTime": time,
            "eventSource": format!("{service}.amazonaws.com"),
            "eventName": name,
            "awsRegion": "us-east-1",
            "sourceIPAddress": from.ip,
            "userAgent": "[aws-sdk-java/2.29.6 Linux/6.1]",
            "requestParameters": null, "responseElements": null,
            "additionalEventData": {"SignatureVersion": "SigV4", "bytesTransferredOut": 1834.0},
            "requestID": "5Y7S3M1QFZ0EXAMPLE",
            "eventID": format!("ct-{role}-{at}-{name}"),
            "readOnly": true, "eventType": "AwsApiCall", "managementEvent": false,
            "recipientAccountId": "111122223333", "eventCategory": "Data"
        })
    }

    /// What the role is known as: its ARN.
    pub fn identity(role: &str) -> String {
        format!("arn:aws:iam::111122223333:role/{role}")
    }
}

/// A request in the log of Kong Gateway: a service with a bearer token.
#[derive(Clone, Debug)]
pub struct Kong<'a> {
    /// Name of the consumer.
    pub consumer: &'a str,
    /// `GET /v1/orders`: method and path.
    pub request: &'a str,
    /// Milliseconds since 1970.
    pub at: i64,
    /// Where the request comes from.
    pub from: Place,
    /// The token it was made with, as Kong logs it when nobody has told it to redact.
    pub bearer: &'a str,
}

impl Kong<'_> {
    /// The record.
    pub fn json(&self) -> Value {
        let (method, path) = self.request.split_once(' ').expect("METHOD path");
        json!({
            "latencies": {"kong": 9, "proxy": 143, "request": 152, "receive": 2},
            "service": {"id": "1b4d2c1e-0000-4000-8000-000000000001", "name": "orders", "protocol": "http"},
            "request": {"id": format!("kong-{}-{}-{}", self.consumer, self.at, path),
                "querystring": {}, "size": 138, "uri": path, "method": method,
                "headers": {"host": "api.example.com", "user-agent": "orders/2.3 (java 21)",
                    "authorization": format!("Bearer {}", self.bearer)}},
            "client_ip": self.from.ip,
            "upstream_status": "200",
            "consumer": {"username": self.consumer, "id": "8a388226-80e8-4027-a486-25e4f7db5d21"},
            "authenticated_entity": {"id": "4135aa9d-dc1b-4bdc-8ba2-3f1e5d2a0c77"},
            "response": {"size": 1834, "status": 200, "headers": {"content-type": "application/json"}},
            "started_at": self.at
        })
    }
}
