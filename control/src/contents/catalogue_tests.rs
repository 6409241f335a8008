use super::*;
use protocol::{ContentHash, Entry};

const PAYER: Address = Address::repeat_byte(1);

fn manifest(size: u64) -> Manifest {
    Manifest::new(vec![Entry {
        path: "a".into(),
        content: ContentHash::from([1; 32]),
        size,
        media_type: "text/plain".into(),
    }])
    .unwrap()
}

#[test]
fn the_latest_version_under_a_name_wins_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::open(&disk::Disk::system(), dir.path()).unwrap();
    let (old, new) = (manifest(1), manifest(2));
    catalogue
        .publish("film", &old, PAYER, None, Vec::new(), 10)
        .unwrap();
    catalogue
        .publish("film", &new, PAYER, None, Vec::new(), 20)
        .unwrap();
    catalogue
        .publish("film", &new, PAYER, None, Vec::new(), 30)
        .unwrap();
    let other = Address::repeat_byte(2);
    catalogue
        .publish("copy", &old, other, None, Vec::new(), 40)
        .unwrap();

    let reopened = Catalogue::open(&disk::Disk::system(), dir.path()).unwrap();
    for catalogue in [catalogue, reopened] {
        assert_eq!(catalogue.find("film").unwrap().id, new.id());
        assert_eq!(catalogue.find("copy").unwrap().payer, other);
        let old_one = catalogue.find(&old.id().to_string()).unwrap();
        assert_eq!((old_one.id, old_one.payer), (old.id(), other));
        assert_eq!(*catalogue.manifest(&old.id()).unwrap(), old);
        let names: Vec<_> = catalogue.list().iter().map(|c| c.name.clone()).collect();
        assert_eq!(names, ["copy", "film"]);
        assert!(catalogue.find("nothing").is_none());
        assert_eq!(catalogue.file.lock().publications.len(), 3);
    }
}

#[test]
fn what_an_account_pays_for_is_what_it_handed_in_before_that_was_kept() {
    let dir = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::open(&disk::Disk::system(), dir.path()).unwrap();
    let of = |n: u8| {
        Manifest::new(vec![Entry {
            content: ContentHash::from([n; 32]),
            ..manifest(1).entries()[0].clone()
        }])
        .unwrap()
    };
    let other = Address::repeat_byte(2);
    // Old versions, too, and what several have.
    for (name, n, payer) in [("a", 1, PAYER), ("a", 2, PAYER), ("b", 2, other)] {
        let published = catalogue.publish(name, &of(n), payer, None, Vec::new(), 10);
        published.unwrap();
    }
    let expected = [(1, PAYER), (2, PAYER), (2, other)];
    let expected = expected.map(|(n, payer)| (ContentHash::from([n; 32]), Some(payer)));
    let found: Vec<_> = catalogue.contents().unwrap().into_iter().collect();
    assert_eq!(found, expected);
}

#[test]
fn policies_are_of_names_and_of_all_their_versions() {
    let dir = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::open(&disk::Disk::system(), dir.path()).unwrap();
    let only = |code: &str| Policy {
        allow_countries: vec![code.parse().unwrap()],
        ..Policy::default()
    };
    let (old, new, newest) = (manifest(1), manifest(2), manifest(3));
    let publish = |name, manifest, policy| {
        let published = catalogue.publish(name, manifest, PAYER, policy, Vec::new(), 10);
        Policy::clone(&published.unwrap().policy)
    };
    assert!(publish("film", &old, None).is_open());
    assert_eq!(publish("film", &new, Some(only("DE"))), only("DE"));
    let of = |id: CollectionId| Policy::clone(&catalogue.find_id(&id).unwrap().policy);
    assert_eq!(of(old.id()), only("DE"), "old versions too");
    assert_eq!(publish("film", &newest, None), only("DE"), "it stays");
    // The same under another name: what was said last counts for its id.
    assert!(publish("copy", &new, None).is_open());
    assert!(of(new.id()).is_open());
    let set = catalogue.set_policy("film", only("FR")).unwrap().unwrap();
    assert_eq!((set.id, &*set.policy), (newest.id(), &only("FR")));
    let none = catalogue.set_policy("nothing", Policy::default());
    assert!(none.unwrap().is_none());

    for again in [
        &catalogue,
        &Catalogue::open(&disk::Disk::system(), dir.path()).unwrap(),
    ] {
        for id in [old.id(), new.id(), newest.id()] {
            assert_eq!(*again.find_id(&id).unwrap().policy, only("FR"));
        }
        assert!(again.find("copy").unwrap().policy.is_open());
    }
    catalogue.unpublish("film").unwrap();
    assert!(publish("film", &old, None).is_open());
}

#[test]
fn a_list_from_before_there_were_policies_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let film = manifest(1);
    fs::write(manifest_path(dir.path(), &film.id()), film.to_bytes()).unwrap();
    let list = serde_json::json!({ "version": 1, "publications": [
        { "name": "film", "collection": film.id(), "payer": PAYER, "published_at_ms": 10 },
    ]});
    fs::write(dir.path().join(PUBLICATIONS_FILE), list.to_string()).unwrap();
    let catalogue = Catalogue::open(&disk::Disk::system(), dir.path()).unwrap();
    assert!(catalogue.find("film").unwrap().policy.is_open());
}

#[test]
fn a_crash_in_the_midst_of_publishing_leaves_the_catalogue_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::open(&disk::Disk::system(), dir.path()).unwrap();
    catalogue
        .publish("film", &manifest(1), PAYER, None, Vec::new(), 10)
        .unwrap();
    drop(catalogue);
    let half = dir.path().join("publications.json.unfinished");
    fs::write(&half, b"{\"version\":1,\"publi").unwrap();
    let orphan = manifest_path(dir.path(), &manifest(2).id());
    fs::write(&orphan, manifest(2).to_bytes()).unwrap();
    let catalogue = Catalogue::open(&disk::Disk::system(), dir.path()).unwrap();
    assert_eq!(catalogue.find("film").unwrap().id, manifest(1).id());
    assert!(catalogue.find_id(&manifest(2).id()).is_none());
    assert!(!half.exists());
}

#[test]
fn damage_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::open(&disk::Disk::system(), dir.path()).unwrap();
    catalogue
        .publish("film", &manifest(1), PAYER, None, Vec::new(), 10)
        .unwrap();
    let path = manifest_path(dir.path(), &manifest(1).id());
    fs::write(&path, manifest(2).to_bytes()).unwrap();
    let error = Catalogue::open(&disk::Disk::system(), dir.path()).unwrap_err();
    assert!(matches!(&error, CatalogueError::Damaged { path: named } if *named == path));
    fs::write(dir.path().join(PUBLICATIONS_FILE), b"{}").unwrap();
    let error = Catalogue::open(&disk::Disk::system(), dir.path()).unwrap_err();
    assert!(matches!(error, CatalogueError::Publications { .. }));
}

#[test]
fn names_are_found_as_domains_are() {
    let dir = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::open(&disk::Disk::system(), dir.path()).unwrap();
    let publish = |name: &str, size| {
        let published = catalogue.publish(name, &manifest(size), PAYER, None, Vec::new(), 10);
        Named::Collection(published.unwrap().id)
    };
    let trailer = publish("Trailer.Films.v2", 1);
    let find = |labels| catalogue.find_domain(labels);
    assert_eq!(find("v2.films.trailer"), trailer);
    assert_eq!(find("v2.films"), Named::Between);
    assert_eq!(find("v2"), Named::Between);
    for nothing in ["v", "v2.film", "films", "v2.films.trailer.x", "trailer", ""] {
        assert_eq!(find(nothing), Named::Nothing, "{nothing}");
    }
    // Between what sorts around the dot.
    publish("x.a-b", 2);
    assert_eq!(find("a"), Named::Nothing);
    let first = publish("FILM", 3);
    publish("film", 4);
    assert_eq!(find("film"), first, "the same one always");
    for never in ["a..b", "a.", &"x".repeat(64)] {
        publish(never, 5);
        assert_eq!(domain(never), None, "{never}");
    }
}

#[test]
fn names_that_could_be_something_else_are_refused() {
    let id = manifest(1).id().to_string();
    let long = "x".repeat(NAME_BYTES_MAX + 1);
    for name in ["", ".", "..", "a/b", "a b", "ä", &id, &id[2..], &long] {
        assert!(!name_is_allowed(name), "{name}");
    }
    assert!(name_is_allowed("Big_Buck-Bunny.v2"));
}
