//! The table of routes, and the router made of it.

use axum::Router;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use tower_http::catch_panic::CatchPanicLayer;

use crate::call::Call;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::state::AppState;
use crate::{
    admit, api, collections, compress, conformance, cors, downloads, execution, health, items,
    jobs, landing, maps, metrics, observe, problems, processes, schema, selection, styles, tiles,
    web,
};

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Where a client starts.
    Landing,
    /// Which standards are kept.
    Conformance,
    /// The API definition.
    Api,
    /// All collections.
    Collections,
    /// One collection.
    Collection,
    /// What the features of a collection can be selected by.
    Queryables,
    /// What the features of a collection hold.
    Schema,
    /// Features of a collection.
    Items,
    /// One feature.
    Item,
    /// A collection, or a selection of it, as a file.
    File,
    /// The tile matrix sets.
    TileMatrixSets,
    /// One tile matrix set.
    TileMatrixSet,
    /// The sets of tiles of a collection.
    TileSets,
    /// A set of tiles.
    TileSet,
    /// A vector tile, by zoom, row and column.
    Tile,
    /// A vector tile, by zoom, column and row.
    XyzTile,
    /// The tiles of a collection as TileJSON.
    TileJson,
    /// The MapLibre style of a collection.
    Style,
    /// A picture of a collection.
    Map,
    /// A file of the map page.
    Asset,
    /// What can be computed.
    Processes,
    /// One process.
    Process,
    /// Where a process is executed.
    Execution,
    /// The jobs.
    Jobs,
    /// One job.
    Job,
    /// The result of a job.
    Results,
    /// Whether the process lives.
    Health,
    /// Whether it has data to serve.
    Readiness,
    /// All kinds of problems.
    Problems,
    /// One kind of problem.
    ProblemKind,
}

/// Every path, spelled as in `openapi.yaml`.
pub const ROUTES: &[(&str, Resource)] = &[
    ("/", Resource::Landing),
    ("/conformance", Resource::Conformance),
    ("/api", Resource::Api),
    ("/collections", Resource::Collections),
    ("/collections/{collectionId}", Resource::Collection),
    (
        "/collections/{collectionId}/queryables",
        Resource::Queryables,
    ),
    ("/collections/{collectionId}/schema", Resource::Schema),
    ("/collections/{collectionId}/items", Resource::Items),
    (
        "/collections/{collectionId}/items/{featureId}",
        Resource::Item,
    ),
    (
        "/collections/{collectionId}/files/{fileName}",
        Resource::File,
    ),
    ("/collections/{collectionId}/tiles", Resource::TileSets),
    (
        "/collections/{collectionId}/tiles/{tileMatrixSetId}",
        Resource::TileSet,
    ),
    (
        "/collections/{collectionId}/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}",
        Resource::Tile,
    ),
    (
        "/collections/{collectionId}/styles/maplibre",
        Resource::Style,
    ),
    ("/collections/{collectionId}/map", Resource::Map),
    ("/tileMatrixSets", Resource::TileMatrixSets),
    ("/tileMatrixSets/{tileMatrixSetId}", Resource::TileMatrixSet),
    ("/tiles/{collectionId}/tilejson.json", Resource::TileJson),
    ("/tiles/{collectionId}/{z}/{x}/{y}.mvt", Resource::XyzTile),
    ("/processes", Resource::Processes),
    ("/processes/{processId}", Resource::Process),
    ("/processes/{processId}/execution", Resource::Execution),
    ("/jobs", Resource::Jobs),
    ("/jobs/{jobId}", Resource::Job),
    ("/jobs/{jobId}/results", Resource::Results),
    ("/healthz", Resource::Health),
    ("/readyz", Resource::Readiness),
    ("/problems", Resource::Problems),
    ("/problems/{code}", Resource::ProblemKind),
];

/// Where the files of the map page are. They are no part of the API: their names change with their
/// content, and no script has a use for them.
pub(crate) const ASSETS: (&str, Resource) = ("/assets/{assetName}", Resource::Asset);

/// Media type of the metrics.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The path of the metrics, on the address of its own.
pub(crate) const METRICS: &str = "/metrics";

impl Resource {
    /// The query parameters that it accepts.
    #[must_use]
    pub fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::Items => &[
                "limit",
                "offset",
                "bbox",
                "bbox-crs",
                "datetime",
                "filter",
                "filter-lang",
                "filter-crs",
                "sortby",
                "crs",
                "run",
                "f",
            ],
            Self::Item => &["crs", "run", "f"],
            Self::File => selection::SELECTING,
            Self::Tile => &["run", "f"],
            Self::XyzTile | Self::TileJson | Self::Style => &["run"],
            Self::Map => maps::PARAMETERS,
            Self::Asset => &[],
            Self::Execution => &[],
            Self::Jobs => jobs::PARAMETERS,
            _ => &["f"],
        }
    }

    /// Whether it accepts the columns of its collection as parameters too, and checks names itself.
    #[must_use]
    pub fn has_columns(self) -> bool {
        matches!(self, Self::Items | Self::File)
    }

    /// The methods that it answers, beside OPTIONS.
    #[must_use]
    pub fn methods(self) -> &'static [Method] {
        match self {
            Self::Execution => &[Method::POST],
            Self::Job => &[Method::GET, Method::HEAD, Method::DELETE],
            _ => &[Method::GET, Method::HEAD],
        }
    }

    /// The methods that it answers as the `Allow` header lists them.
    pub(crate) fn allowed(self) -> String {
        let methods = self.methods().iter().map(Method::as_str);
        methods.chain(["OPTIONS"]).collect::<Vec<_>>().join(", ")
    }

    async fn answer(self, state: &AppState, call: &Call) -> Result<Reply, Problem> {
        match self {
            Self::Landing => landing::landing(state, call),
            Self::Conformance => conformance::conformance(call),
            Self::Api => api::api(state, call).await,
            Self::Collections => collections::all(state, call).await,
            Self::Collection => collections::one(state, call).await,
            Self::Queryables => schema::queryables(state, call).await,
            Self::Schema => schema::schema(state, call).await,
            Self::Items => items::page(state, call).await,
            Self::Item => items::one(state, call).await,
            Self::File => downloads::file(state, call).await,
            Self::TileMatrixSets => tiles::matrix_sets(call),
            Self::TileMatrixSet => tiles::matrix_set(call),
            Self::TileSets => tiles::sets(state, call).await,
            Self::TileSet => tiles::set(state, call).await,
            Self::Tile => tiles::tile(state, call).await,
            Self::XyzTile => tiles::xyz_tile(state, call).await,
            Self::TileJson => tiles::tile_json(state, call).await,
            Self::Style => styles::maplibre(state, call).await,
            Self::Map => maps::map(state, call).await,
            Self::Asset => web::asset(call),
            Self::Processes => processes::all(call),
            Self::Process => processes::one(state, call),
            Self::Execution => processes::execute(state, call).await,
            Self::Jobs => jobs::all(state, call).await,
            Self::Job if call.method == Method::DELETE => jobs::dismiss(state, call).await,
            Self::Job => jobs::one(state, call).await,
            Self::Results => jobs::results(state, call).await,
            Self::Health => health::health(call),
            Self::Readiness => health::readiness(state, call),
            Self::Problems => problems::all(call),
            Self::ProblemKind => problems::one(call),
        }
    }
}

/// The service as a function of its state.
pub fn router(state: AppState) -> Router {
    let routes = [ROUTES, &[ASSETS]].concat();
    surrounded(with_routes(&routes), state)
}

/// What is to be had apart from the data: metrics and health.
pub(crate) fn operations(state: AppState) -> Router {
    let metrics = async |State(state): State<AppState>| match metrics::page(&state) {
        Ok(text) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => Problem::internal().into_response(),
    };
    let health = [
        ("/healthz", Resource::Health),
        ("/readyz", Resource::Readiness),
    ];
    surrounded(with_routes(&health).route(METRICS, get(metrics)), state)
}

fn with_routes(routes: &[(&str, Resource)]) -> Router<AppState> {
    let mut router = Router::new();
    for &(path, resource) in routes {
        let handler = async move |State(state): State<AppState>,
                                  path: Result<RawPathParams, RawPathParamsRejection>,
                                  request: Request| {
            respond(&state, resource, path.as_ref().ok(), request).await
        };
        // The router has whole segments only; the resource reads the end of this one.
        router = router.route(&path.replace("{y}.mvt", "{y}"), any(handler));
    }
    let nowhere = async |request: Request| Problem::path_not_found().at(request.uri().path());
    router.fallback(nowhere)
}

/// The routes with what happens around every request, innermost first. Whoever is not let in is
/// told so in a way that pages of other origins can read; whatever is answered is logged.
fn surrounded(router: Router<AppState>, state: AppState) -> Router {
    router
        .layer(CatchPanicLayer::custom(observe::panicked))
        .layer(compress::layer())
        .layer(from_fn_with_state(state.clone(), admit::admit))
        .layer(from_fn_with_state(state.clone(), cors::cross_origin))
        .layer(from_fn_with_state(state.clone(), observe::observe))
        .with_state(state)
}

async fn respond(
    state: &AppState,
    resource: Resource,
    path: Option<&RawPathParams>,
    request: Request,
) -> Response {
    let here = request.uri().path().to_owned();
    if request.method() == Method::OPTIONS {
        return (StatusCode::NO_CONTENT, [(ALLOW, resource.allowed())]).into_response();
    }
    if !resource.methods().contains(request.method()) {
        let problem = Problem::method_not_allowed(request.method().as_str(), resource.allowed());
        return problem.at(&here).into_response();
    }
    let call = match Call::read(resource, path, &request) {
        Ok(call) if resource == Resource::Execution => {
            execution::with_body(call, request.into_body()).await
        }
        other => other,
    };
    let answer = match call {
        Ok(call) => resource.answer(state, &call).await,
        Err(problem) => Err(problem),
    };
    match answer {
        Ok(reply) => reply.into_response(),
        Err(problem) => problem.at(&here).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use tower::ServiceExt;

    use super::*;
    use crate::config::Limits;

    #[tokio::test]
    async fn a_panic_is_a_problem_and_says_nothing_of_its_cause() {
        let broken = any(async || -> Response { panic!("a secret") });
        let state = AppState::new(Limits::default()).unwrap();
        let router = surrounded(Router::new().route("/", broken), state);
        let request = Request::builder().header("host", "maps.test");
        let request = request.body(Body::empty()).unwrap();
        let answer = router.oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(answer.headers().contains_key("x-request-id"));
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(
            text.contains("internal-error") && !text.contains("secret"),
            "{text}"
        );
    }
}
