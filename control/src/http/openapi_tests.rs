//! The description is held against what it describes.

use super::*;
use crate::http::access::Who;
use serde_json::Map;
use std::collections::BTreeSet;

async fn described(server: &Server) -> Value {
    let get = server.admin(Method::GET, "/v1/openapi.json");
    get.bearer_auth(TOKEN)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap()
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap_or_else(|| panic!("{value}"))
}

/// API, method, path, and the roles that may; none: anyone.
type Known = BTreeSet<(&'static str, String, String, Vec<String>)>;

fn roles(who: Who) -> Vec<String> {
    match who {
        Who::Anyone => Vec::new(),
        Who::These(roles) => roles.iter().map(|role| role.to_string()).collect(),
    }
}

fn routed() -> Known {
    // A wildcard is a parameter like others there.
    let path = |path: &str| path.replace("{*", "{");
    let public = public_routes();
    let public = public.iter().map(|one| {
        let method = one.method.to_string();
        ("public", method, path(one.path), roles(one.who))
    });
    let admin = admin::routes();
    let admin = admin.iter().map(|one| {
        let method = one.method.to_string();
        ("admin", method, path(one.path), roles(one.who))
    });
    public.chain(admin).collect()
}

fn told(document: &Value) -> Known {
    let mut told = Known::new();
    for (path, methods) in object(&document["paths"]) {
        for (method, operation) in object(methods) {
            let tags: Vec<_> = operation["tags"].as_array().unwrap().iter().collect();
            let named: Vec<String> = serde_json::from_value(operation["x-roles"].clone()).unwrap();
            let secured = operation["security"] == json!([{ "token": [] }]);
            assert_eq!(secured, !named.is_empty(), "{method} {path}");
            for api in ["public", "admin"] {
                if tags.contains(&&json!(api)) {
                    // What needs no token on the public API may need one on the other.
                    let named = if api == "public" {
                        Vec::new()
                    } else {
                        named.clone()
                    };
                    told.insert((api, method.to_uppercase(), path.clone(), named));
                }
            }
        }
    }
    told
}

/// Every reference leads somewhere, and every parameter of a path is described.
fn check_form(document: &Value) {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    references(document, &mut found);
    assert!(found.len() > 50);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    let mut ids = BTreeSet::new();
    for (path, methods) in object(&document["paths"]) {
        for (method, operation) in object(methods) {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{id} twice");
            let parameters = operation["parameters"].as_array();
            let of_path = parameters.into_iter().flatten();
            let of_path = of_path.filter(|one| one["in"] == "path");
            let described: BTreeSet<_> = of_path.map(|one| one["name"].as_str().unwrap()).collect();
            let named = path.split('{').skip(1);
            let named: BTreeSet<_> = named.filter_map(|part| part.split('}').next()).collect();
            assert_eq!(described, named, "{method} {path}");
            for response in object(&operation["responses"]).values() {
                assert!(response["description"].is_string());
            }
        }
    }
}

/// Whether a value is of a type.
pub(super) fn is_type(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        other => panic!("{other} is no type"),
    }
}

/// Whether a value is what a schema says, by the few words that are used there.
/// Nothing may be there that isn't described, also where readers are to pass over it.
pub(super) fn check(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = document.pointer(&reference[1..]).unwrap();
        return check(document, schema, value).map_err(|error| format!("{reference}: {error}"));
    }
    let wrong = |why: &str| Err(format!("{value} isn't {why} of {schema}"));
    if let Some(schemas) = schema["oneOf"].as_array() {
        let fit = schemas
            .iter()
            .filter(|one| check(document, one, value).is_ok());
        return if fit.count() == 1 {
            Ok(())
        } else {
            wrong("one")
        };
    }
    if schema.get("const").is_some_and(|only| only != value) {
        return wrong("the value");
    }
    if schema["enum"]
        .as_array()
        .is_some_and(|all| !all.contains(value))
    {
        return wrong("one of the values");
    }
    let typed = match &schema["type"] {
        Value::Null => true,
        Value::String(name) => is_type(name, value),
        Value::Array(names) => names
            .iter()
            .any(|name| is_type(name.as_str().unwrap(), value)),
        other => panic!("{other} is no type"),
    };
    if !typed {
        return wrong("of the type");
    }
    if let (Some(pattern), Some(text)) = (schema["pattern"].as_str(), value.as_str())
        && !regex_lite::Regex::new(pattern).unwrap().is_match(text)
    {
        return wrong("by the pattern");
    }
    if let Some(items) = value.as_array() {
        for item in items {
            check(document, &schema["items"], item)?;
        }
    }
    if let Some(fields) = value.as_object() {
        let required = schema["required"].as_array().into_iter().flatten();
        for name in required.map(|name| name.as_str().unwrap()) {
            if !fields.contains_key(name) {
                return wrong(&format!("whole, without {name},"));
            }
        }
        for (name, value) in fields {
            match schema["properties"].get(name) {
                Some(schema) => check(document, schema, value)?,
                None if schema.get("properties").is_some() => {
                    return wrong(&format!("without {name}, as a value"));
                }
                None => {}
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_described_is_what_there_is() {
    let server = Server::start().await;
    let document = described(&server).await;
    assert_eq!(document["openapi"], "3.1.0");
    check_form(&document);
    let (told, routed) = (told(&document), routed());
    let missing: Vec<_> = routed.difference(&told).collect();
    let surplus: Vec<_> = told.difference(&routed).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "{missing:?} {surplus:?}"
    );

    // Answers are as they are described.
    let _orders = server.member(1);
    server.put(&hash(b"a"), b"a").await;
    server.publish("film", &manifest(b"a")).await;
    let route = json!({ "collection": "film", "client": client_key() });
    let routed: Value = server.route(route).await.json().await.unwrap();
    let ticket = routed["nodes"][0]["ticket"]["ticket"].as_str();
    assert!(ticket.is_some(), "{routed}");
    let node = NodeId::from([1; 32]);
    let purge = crate::rules::orders::purge_all(manifest(b"a").id());
    for order in [purge, protocol::Order::Drain] {
        server
            .core
            .nodes
            .ordering
            .orders
            .give(&order, &[node], None)
            .unwrap();
    }
    let answered = |path: &str, method: &str, status: &str| {
        let operation = &document["paths"][path][method];
        let content = &operation["responses"][status]["content"];
        content["application/json"]["schema"].clone()
    };
    let fits = |path: &str, schema: &Value, value: &Value| {
        if let Err(error) = check(&document, schema, value) {
            panic!("{path}: {error}");
        }
    };
    fits("route", &answered("/v1/route", "post", "200"), &routed);
    for (asked, path) in [
        ("/v1/network", "/v1/network"),
        ("/v1/explain?collection=film", "/v1/explain"),
        ("/v1/collections", "/v1/collections"),
        ("/v1/nodes", "/v1/nodes"),
        ("/healthz", "/healthz"),
    ] {
        let value: Value = server.get(asked).await.json().await.unwrap();
        fits(path, &answered(path, "get", "200"), &value);
    }
    for (asked, path) in [
        ("/v1/status", "/v1/status"),
        ("/v1/orders", "/v1/orders"),
        ("/v1/orders/1", "/v1/orders/{id}"),
        ("/v1/collections", "/v1/collections"),
    ] {
        let get = server.admin(Method::GET, asked).bearer_auth(TOKEN);
        let value: Value = get.send().await.unwrap().json().await.unwrap();
        fits(path, &answered(path, "get", "200"), &value);
    }
    let refused = server.get("/v1/collections/none/manifest").await;
    let schema = answered("/v1/collections/{collection}/manifest", "get", "404");
    fits("a refusal", &schema, &refused.json().await.unwrap());
    let odd = json!({ "status": 1 });
    assert!(check(&document, &answered("/healthz", "get", "200"), &odd).is_err());
}
