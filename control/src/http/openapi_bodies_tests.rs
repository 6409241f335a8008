//! Bodies are described as the types have them that read and write them: which fields there are, which always, of
//! which types, and whether others may be among them.

use super::openapi_examples as examples;
use super::openapi_of::{check, is_type};
use super::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

const DESCRIPTION: &str = include_str!("openapi.json");
const SCHEMAS: &str = "/components/schemas";
const UNKNOWN: &str = "a field that nobody knows";

/// Who writes a body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// Whoever asks: what must be there is what reading can't do without.
    Asking,
    /// The control plane: what must be there is what is always written.
    Answering,
}

/// What examples had where an object is described.
#[derive(Default)]
struct Level {
    all: BTreeSet<String>,
    always: Option<BTreeSet<String>>,
    asked: bool,
}

struct Book {
    document: Value,
    /// By where the object's schema is.
    levels: BTreeMap<String, Level>,
    /// Alternatives that some example has.
    taken: BTreeSet<String>,
}

impl Book {
    fn schema(&self, pointer: &str) -> &Value {
        self.document
            .pointer(pointer)
            .unwrap_or_else(|| panic!("{pointer}"))
    }

    /// Where in a value there are objects, and where in the document those are described.
    fn objects(
        &mut self,
        pointer: &str,
        value: &Value,
        at: &str,
        found: &mut Vec<(String, String)>,
    ) {
        let schema = self.schema(pointer).clone();
        if let Some(reference) = schema["$ref"].as_str() {
            return self.objects(&reference[1..], value, at, found);
        }
        if let Some(choices) = schema["oneOf"].as_array() {
            let fits = |one: &Value| check(&self.document, one, value).is_ok();
            let choice = choices.iter().position(fits).expect("it was checked");
            let choice = format!("{pointer}/oneOf/{choice}");
            self.taken.insert(choice.clone());
            return self.objects(&choice, value, at, found);
        }
        for alternative in alternatives(pointer, &schema) {
            let fits = match schema.get("enum") {
                Some(_) => alternative.1 == *value,
                None => is_type(alternative.1.as_str().unwrap(), value),
            };
            if fits {
                self.taken.insert(alternative.0);
            }
        }
        match value {
            Value::Array(items) => {
                for (number, item) in items.iter().enumerate() {
                    let at = format!("{at}/{number}");
                    self.objects(&format!("{pointer}/items"), item, &at, found);
                }
            }
            Value::Object(fields) if schema.get("properties").is_some() => {
                found.push((at.to_owned(), pointer.to_owned()));
                for (name, value) in fields {
                    let at = format!("{at}/{name}");
                    self.objects(&format!("{pointer}/properties/{name}"), value, &at, found);
                }
            }
            _ => {}
        }
    }

    /// Holds a schema against examples of its type, which have every field and every alternative among them.
    fn body<T: Serialize + DeserializeOwned>(&mut self, name: &str, by: By, examples: &[T]) {
        let root = format!("{SCHEMAS}/{name}");
        let reads = |value: Value| serde_json::from_value::<T>(value).is_ok();
        for example in examples {
            let value = serde_json::to_value(example).unwrap();
            if let Err(error) = check(&self.document, self.schema(&root), &value) {
                panic!("{name}: {error}");
            }
            assert!(reads(value.clone()), "{name}: {value} is read again");
            let mut found = Vec::new();
            self.objects(&root, &value, "", &mut found);
            for (at, schema) in found {
                let described = self.schema(&schema).clone();
                let required = names(&described["required"]);
                let fields: BTreeSet<_> = object(value.pointer(&at).unwrap())
                    .keys()
                    .cloned()
                    .collect();
                let mut more = value.clone();
                more.pointer_mut(&at).unwrap()[UNKNOWN] = 1.into();
                let open = described["additionalProperties"] != false;
                assert_eq!(reads(more), open, "{name}{at}: an unknown field is taken");
                for field in fields.iter().filter(|_| by == By::Asking) {
                    let mut less = value.clone();
                    let fields = less.pointer_mut(&at).unwrap().as_object_mut();
                    fields.unwrap().remove(field);
                    let needed = !reads(less);
                    assert_eq!(
                        needed,
                        required.contains(field),
                        "{name}{at}: {field} is required"
                    );
                }
                let level = self.levels.entry(schema).or_default();
                level.asked |= by == By::Asking;
                level.all.extend(fields.iter().cloned());
                level.always = Some(match level.always.take() {
                    Some(always) => always.intersection(&fields).cloned().collect(),
                    None => fields,
                });
            }
        }
    }

    /// Whether examples were enough, and had what is described.
    fn finish(self) {
        let mut described = Vec::new();
        let schemas = object(self.schema(SCHEMAS));
        for (name, schema) in schemas {
            // What a refusal is, is said by refusals.
            if name != "Error" {
                walk(&format!("{SCHEMAS}/{name}"), schema, &mut described);
            }
        }
        for (pointer, schema) in described {
            let choices = schema["oneOf"].as_array().into_iter().flatten().enumerate();
            let choices = choices.map(|(number, _)| format!("{pointer}/oneOf/{number}"));
            let alternatives = alternatives(&pointer, schema).into_iter();
            for choice in choices.chain(alternatives.map(|(name, _)| name)) {
                assert!(self.taken.contains(&choice), "no type says {choice}");
            }
            let Some(properties) = schema.get("properties") else {
                continue;
            };
            let level = self.levels.get(&pointer);
            let level = level.unwrap_or_else(|| panic!("no type has {pointer}"));
            let fields: BTreeSet<_> = object(properties).keys().cloned().collect();
            assert_eq!(level.all, fields, "{pointer}");
            if !level.asked {
                let always = level.always.as_ref().unwrap();
                assert_eq!(*always, names(&schema["required"]), "required of {pointer}");
            }
        }
    }
}

fn object(value: &Value) -> &serde_json::Map<String, Value> {
    value.as_object().unwrap_or_else(|| panic!("{value}"))
}

fn names(list: &Value) -> BTreeSet<String> {
    let list = list.as_array().into_iter().flatten();
    list.map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// Values, and types, of which a schema takes several.
fn alternatives(pointer: &str, schema: &Value) -> Vec<(String, Value)> {
    let lists = [&schema["enum"], &schema["type"]];
    let all = lists.into_iter().filter_map(Value::as_array).flatten();
    all.map(|one| (format!("{pointer}={one}"), one.clone()))
        .collect()
}

/// Every schema in one, and where it is.
fn walk<'a>(pointer: &str, schema: &'a Value, found: &mut Vec<(String, &'a Value)>) {
    found.push((pointer.to_owned(), schema));
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(&format!("{pointer}/properties/{name}"), property, found);
    }
    if let Some(items) = schema.get("items") {
        walk(&format!("{pointer}/items"), items, found);
    }
    let choices = schema["oneOf"].as_array().into_iter().flatten();
    for (number, choice) in choices.enumerate() {
        walk(&format!("{pointer}/oneOf/{number}"), choice, found);
    }
}

/// The bodies that a part of an operation names.
fn bodies(part: &Value) -> Vec<String> {
    let schema = &part["content"]["application/json"]["schema"];
    let of = [&schema["$ref"], &schema["items"]["$ref"]];
    let names = of.into_iter().filter_map(Value::as_str);
    names
        .filter_map(|name| name.rsplit('/').next())
        .map(str::to_owned)
        .collect()
}

/// Panics if the types have something else.
fn judge(document: Value) {
    let (mut asked, mut answered) = (BTreeSet::new(), BTreeSet::new());
    for methods in object(&document["paths"]).values() {
        for operation in object(methods).values() {
            asked.extend(bodies(&operation["requestBody"]));
            let responses = object(&operation["responses"]).values();
            answered.extend(responses.flat_map(bodies));
        }
    }
    let mut book = Book {
        document,
        levels: BTreeMap::new(),
        taken: BTreeSet::new(),
    };
    let requests = [
        "OrderRequest",
        "Policy",
        "PublishRequest",
        "RouteRequest",
        "SealKeyRequest",
    ];
    assert_eq!(asked, requests.map(String::from).into());
    book.body("OrderRequest", By::Asking, &examples::order_requests());
    book.body("Policy", By::Asking, &[examples::policy()]);
    book.body("PublishRequest", By::Asking, &examples::publish_requests());
    book.body("RouteRequest", By::Asking, &[examples::route_request()]);
    book.body(
        "SealKeyRequest",
        By::Asking,
        &[examples::seal_key_request()],
    );
    let answers = [
        "Collection",
        "Error",
        "Explanation",
        "NetworkInfo",
        "Node",
        "OrderStatus",
        "OrderSummary",
        "RouteAnswer",
        "SealKey",
        "Status",
        "Version",
    ];
    assert_eq!(answered, answers.map(String::from).into());
    book.body("Collection", By::Answering, &examples::collections());
    book.body("Explanation", By::Answering, &examples::explanations());
    book.body("NetworkInfo", By::Answering, &examples::network_infos());
    book.body("Node", By::Answering, &examples::nodes());
    book.body("OrderStatus", By::Answering, &examples::order_statuses());
    book.body("OrderSummary", By::Answering, &examples::order_summaries());
    book.body("RouteAnswer", By::Answering, &examples::route_answers());
    book.body("SealKey", By::Answering, &[examples::seal_key()]);
    book.body("Status", By::Answering, &examples::statuses());
    book.body("Version", By::Answering, &examples::versions());
    book.finish();
}

/// What is done to a schema.
type Change = dyn Fn(&mut Value);

fn description() -> Value {
    serde_json::from_str(DESCRIPTION).unwrap()
}

#[test]
fn bodies_are_described_as_the_types_have_them() {
    judge(description());
}

#[test]
fn what_is_described_wrongly_is_noticed() {
    let of = |document: &mut Value, schema: &str, change: &Change| {
        change(
            document
                .pointer_mut(&format!("{SCHEMAS}/{schema}"))
                .unwrap(),
        );
    };
    let remove = |name: &'static str| {
        move |schema: &mut Value| {
            schema.as_object_mut().unwrap().remove(name).unwrap();
        }
    };
    let put = |name: &'static str, value: Value| {
        move |schema: &mut Value| {
            schema[name] = value.clone();
        }
    };
    let push = |value: Value| {
        move |schema: &mut Value| {
            schema.as_array_mut().unwrap().push(value.clone());
        }
    };
    let pop = |schema: &mut Value| drop(schema.as_array_mut().unwrap().pop());
    let string = || json!({ "type": "string" });
    let wrong: [(&str, &Change); 11] = [
        ("OrderSummary/properties", &remove("trouble")),
        ("OrderSummary/required", &push(json!("trouble"))),
        ("RouteRequest/required", &pop),
        ("RouteRequest", &remove("additionalProperties")),
        ("Node", &put("additionalProperties", json!(false))),
        ("Node/properties", &put("bound", string())),
        ("Collection/properties", &put("extra", string())),
        ("Package/properties/format/enum", &push(json!("smooth"))),
        ("Paths/oneOf", &push(json!({ "const": "none" }))),
        (
            "NetworkInfo/properties/issuer",
            &put("pattern", json!("^0x$")),
        ),
        (
            "PublishRequest/properties",
            &put("payer", json!({ "type": ["string", "null", "integer"] })),
        ),
    ];
    for (schema, change) in wrong {
        let mut document = description();
        of(&mut document, schema, change);
        let judged = std::panic::catch_unwind(|| judge(document));
        assert!(judged.is_err(), "{schema} is wrong");
    }
}
