//! Endpoints behind the API gateway, and who calls them in which order.

use plumbline_schemas::event::ActionClass;

/// An endpoint.
#[derive(Debug)]
pub(crate) struct Route {
    /// Method and template, as the normaliser names it.
    pub name: &'static str,
    /// Path with `{id}` and `{tenant}`.
    pub path: &'static str,
    /// Mean size of the answer in bytes.
    pub bytes: u32,
}

impl Route {
    /// The HTTP method.
    pub(crate) fn method(&self) -> &'static str {
        self.name.split(' ').next().unwrap_or("GET")
    }

    /// What sort of action it is.
    pub(crate) fn class(&self) -> ActionClass {
        match self.method() {
            "GET" | "HEAD" => ActionClass::Read,
            "DELETE" => ActionClass::Delete,
            _ => ActionClass::Write,
        }
    }
}

const fn route(name: &'static str, path: &'static str, bytes: u32) -> Route {
    Route { name, path, bytes }
}

/// An API: its endpoints, the order in which its clients habitually call them, and the endpoint that
/// the next release brings.
#[derive(Debug)]
pub(crate) struct Api {
    pub name: &'static str,
    pub routes: &'static [Route],
    /// Indices into `routes`.
    pub flow: &'static [u8],
    pub release: Route,
}

/// APIs whose clients are service accounts.
pub(crate) static APIS: &[Api] = &[
    Api {
        name: "orders",
        routes: &[
            route("GET /v1/orders", "/v1/orders", 9_000),
            route("GET /v1/orders/{id}", "/v1/orders/{id}", 1_900),
            route("GET /v1/customers/{id}", "/v1/customers/{id}", 1_200),
            route("PATCH /v1/orders/{id}", "/v1/orders/{id}", 400),
            route(
                "GET /v1/orders/{id}/history",
                "/v1/orders/{id}/history",
                3_000,
            ),
        ],
        flow: &[0, 1, 2, 3],
        release: route(
            "GET /v2/orders/{id}/timeline",
            "/v2/orders/{id}/timeline",
            2_500,
        ),
    },
    Api {
        name: "billing",
        routes: &[
            route(
                "GET /v1/tenants/{id}/invoices",
                "/v1/tenants/{tenant}/invoices",
                12_000,
            ),
            route(
                "GET /v1/tenants/{id}/invoices/{id}",
                "/v1/tenants/{tenant}/invoices/{id}",
                2_600,
            ),
            route(
                "POST /v1/tenants/{id}/payments",
                "/v1/tenants/{tenant}/payments",
                500,
            ),
            route(
                "GET /v1/tenants/{id}/balance",
                "/v1/tenants/{tenant}/balance",
                350,
            ),
        ],
        flow: &[0, 1, 1, 2, 3],
        release: route(
            "POST /v1/tenants/{id}/credits",
            "/v1/tenants/{tenant}/credits",
            420,
        ),
    },
    Api {
        name: "catalogue",
        routes: &[
            route("GET /v1/products", "/v1/products", 22_000),
            route("GET /v1/products/{id}", "/v1/products/{id}", 2_200),
            route("GET /v1/prices/{id}", "/v1/prices/{id}", 300),
            route("PUT /v1/stock/{id}", "/v1/stock/{id}", 180),
        ],
        flow: &[0, 1, 2, 3],
        release: route("GET /v1/bundles/{id}", "/v1/bundles/{id}", 1_500),
    },
    Api {
        name: "accounts",
        routes: &[
            route("GET /v1/accounts/{id}", "/v1/accounts/{id}", 1_100),
            route(
                "GET /v1/accounts/{id}/limits",
                "/v1/accounts/{id}/limits",
                280,
            ),
            route(
                "POST /v1/accounts/{id}/notes",
                "/v1/accounts/{id}/notes",
                240,
            ),
            route("GET /v1/accounts", "/v1/accounts", 15_000),
        ],
        flow: &[3, 0, 1, 2],
        release: route("GET /v1/accounts/{id}/risk", "/v1/accounts/{id}/risk", 600),
    },
];

/// APIs that pipelines call with a key.
pub(crate) static PIPELINES: &[Api] = &[
    Api {
        name: "ci-release",
        routes: &[
            route("GET /v1/builds/{id}", "/v1/builds/{id}", 2_000),
            route("POST /v1/artifacts", "/v1/artifacts", 300),
            route("POST /v1/deployments", "/v1/deployments", 350),
            route("GET /v1/deployments/{id}", "/v1/deployments/{id}", 700),
        ],
        flow: &[0, 1, 2, 3, 3],
        release: route("POST /v1/attestations", "/v1/attestations", 260),
    },
    Api {
        name: "ci-test",
        routes: &[
            route("GET /v1/fixtures", "/v1/fixtures", 30_000),
            route("POST /v1/test-runs", "/v1/test-runs", 280),
            route("PUT /v1/test-runs/{id}", "/v1/test-runs/{id}", 160),
        ],
        flow: &[0, 1, 2, 2],
        release: route("GET /v1/flaky-tests", "/v1/flaky-tests", 5_000),
    },
];

/// APIs that partners call with a key, each for the tenants it serves.
pub(crate) static PARTNERS: &[Api] = &[
    Api {
        name: "partner-bank",
        routes: &[
            route(
                "GET /v1/tenants/{id}/statements",
                "/v1/tenants/{tenant}/statements",
                7_000,
            ),
            route(
                "GET /v1/tenants/{id}/statements/{id}",
                "/v1/tenants/{tenant}/statements/{id}",
                3_800,
            ),
            route(
                "POST /v1/tenants/{id}/confirmations",
                "/v1/tenants/{tenant}/confirmations",
                220,
            ),
        ],
        flow: &[0, 1, 1, 2],
        release: route(
            "GET /v1/tenants/{id}/mandates",
            "/v1/tenants/{tenant}/mandates",
            900,
        ),
    },
    Api {
        name: "partner-logistics",
        routes: &[
            route("GET /v1/shipments", "/v1/shipments", 8_000),
            route("GET /v1/shipments/{id}", "/v1/shipments/{id}", 1_500),
            route(
                "PUT /v1/shipments/{id}/status",
                "/v1/shipments/{id}/status",
                150,
            ),
        ],
        flow: &[0, 1, 2],
        release: route(
            "POST /v1/shipments/{id}/proofs",
            "/v1/shipments/{id}/proofs",
            200,
        ),
    },
];

/// Endpoints that exist and that hardly any client needs: where an intruder looks.
pub(crate) static SENSITIVE: &[Route] = &[
    route("GET /v1/secrets", "/v1/secrets", 2_400),
    route("GET /v1/secrets/{id}", "/v1/secrets/{id}", 500),
    route("GET /v1/users", "/v1/users", 40_000),
    route("GET /v1/roles", "/v1/roles", 6_000),
    route("GET /v1/admin/api-keys", "/v1/admin/api-keys", 5_200),
    route("POST /v1/admin/api-keys", "/v1/admin/api-keys", 300),
    route("GET /v1/tenants", "/v1/tenants", 18_000),
    route("GET /v1/exports/{id}", "/v1/exports/{id}", 900_000),
];
