use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::RangeInclusive;
use std::collections::BTreeMap;
use std::sync::Arc;

use rely_core::ConfigError;

use crate::digest::{Canonical, Digest};

/// Named entries of one kind, each by the digest of its value.
pub type Entries = BTreeMap<Arc<str>, Digest>;

/// What runs somewhere, in a form that can be compared and sent: the code by its name, every
/// setting and file by its digest.
///
/// A replica makes one of what it really runs with [`Release::manifest`]. The digest of a short
/// value can be guessed: where a setting is a secret, set its reference or its version instead.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct Manifest {
    /// The build or commit.
    pub code: Arc<str>,
    /// The settings.
    #[cfg_attr(feature = "serde", serde(default))]
    pub config: Entries,
    /// The files.
    #[cfg_attr(feature = "serde", serde(default))]
    pub files: Entries,
}

impl Manifest {
    /// The digest of all settings, whatever the order in which they were set.
    #[must_use]
    pub fn config_digest(&self) -> Digest {
        entries_digest("rely config 1", &self.config)
    }

    /// The digest of all files.
    #[must_use]
    pub fn files_digest(&self) -> Digest {
        entries_digest("rely files 1", &self.files)
    }
}

fn entries_digest(tag: &str, entries: &Entries) -> Digest {
    let mut canonical = Canonical::new(tag);
    for (name, digest) in entries {
        canonical.part(name.as_bytes());
        canonical.part(digest.as_bytes());
    }
    canonical.finish()
}

/// One state of a service that can be run: code, configuration, files, and the data that it reads.
///
/// It never changes, and its content identifies it: two releases are equal if their
/// [digests](Release::digest) are. Name and [notes](Release::meta) are for people and no part of
/// it, so that a bad release does not come back under another name. A handle; cloning is cheap.
///
/// ```
/// use rely_rollout::Release;
///
/// let v2 = Release::builder("v2")
///     .code("orders 2.0.0")
///     .config([("queue_timeout", "50ms"), ("retries", "2")])
///     .file("prices.csv", "tea,3\n")
///     .schema_range(3..=4)
///     .meta("built_by", "ci")
///     .build()?;
/// let same = Release::builder("orders of tuesday")
///     .code("orders 2.0.0")
///     .config([("retries", "2"), ("queue_timeout", "50ms")])
///     .file("prices.csv", "tea,3\n")
///     .schema_range(3..=4)
///     .build()?;
/// assert_eq!(v2.digest(), same.digest());
/// assert!(v2.reads(3) && !v2.reads(5));
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
///
/// # The digest
/// SHA-256 over `rely release 1`, the code, the digests of configuration and files, and the ends of
/// the schema range as four bytes each; each part after its length in eight bytes, all big-endian.
/// Configuration and files are digested likewise, from `rely config 1` or `rely files 1` and then
/// name and SHA-256 of the value of each entry, in the order of their names' bytes.
#[derive(Clone)]
pub struct Release(Arc<Inner>);

struct Inner {
    name: Arc<str>,
    manifest: Manifest,
    config: BTreeMap<Arc<str>, Arc<str>>,
    schema: RangeInclusive<u32>,
    meta: BTreeMap<Arc<str>, Arc<str>>,
    digest: Digest,
}

impl Release {
    /// A release called `name`.
    pub fn builder(name: impl Into<Arc<str>>) -> ReleaseBuilder {
        ReleaseBuilder {
            name: name.into(),
            code: "".into(),
            config: Vec::new(),
            files: Vec::new(),
            schema: 0..=u32::MAX,
            meta: BTreeMap::new(),
        }
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What identifies it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// What it consists of, each setting and file by its digest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    /// The build or commit.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.manifest.code
    }

    /// The settings, by name.
    #[must_use]
    pub fn config(&self) -> &BTreeMap<Arc<str>, Arc<str>> {
        &self.0.config
    }

    /// The versions of the data's schema that it reads.
    #[must_use]
    pub fn schema_range(&self) -> RangeInclusive<u32> {
        self.0.schema.clone()
    }

    /// Whether it reads data of this version.
    #[must_use]
    pub fn reads(&self, schema: u32) -> bool {
        self.0.schema.contains(&schema)
    }

    /// What people noted about it.
    #[must_use]
    pub fn meta(&self) -> &BTreeMap<Arc<str>, Arc<str>> {
        &self.0.meta
    }
}

impl PartialEq for Release {
    fn eq(&self, other: &Self) -> bool {
        self.digest() == other.digest()
    }
}

impl Eq for Release {}

impl Hash for Release {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest().hash(state);
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.digest().short())
    }
}

/// Names the settings and hides their values.
impl fmt::Debug for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Release")
            .field("name", &self.name())
            .field("digest", &self.digest())
            .field("code", &self.code())
            .field("config", &self.config().keys())
            .field("files", &self.manifest().files.keys())
            .field("schema_range", &self.0.schema)
            .finish_non_exhaustive()
    }
}

/// How a [`Release`] is made.
#[derive(Clone)]
#[must_use]
pub struct ReleaseBuilder {
    name: Arc<str>,
    code: Arc<str>,
    config: Vec<(Arc<str>, Arc<str>)>,
    files: Vec<(Arc<str>, Digest)>,
    schema: RangeInclusive<u32>,
    meta: BTreeMap<Arc<str>, Arc<str>>,
}

impl ReleaseBuilder {
    /// The build or commit. Required.
    pub fn code(mut self, id: impl Into<Arc<str>>) -> Self {
        self.code = id.into();
        self
    }

    /// Adds settings; none by default. Each name once.
    ///
    /// What shows a release or reports drift hides the values, but whoever stores a release stores
    /// them: for a secret, set its reference or its version.
    pub fn config<K, V>(mut self, settings: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<Arc<str>>,
        V: Into<Arc<str>>,
    {
        self.config.extend(settings.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Adds a file by its content, of which the digest is kept. Each path once.
    pub fn file(mut self, path: impl Into<Arc<str>>, content: impl AsRef<[u8]>) -> Self {
        self.files.push((path.into(), Digest::of(content)));
        self
    }

    /// The versions of the data's schema that it reads; all by default.
    pub const fn schema_range(mut self, versions: RangeInclusive<u32>) -> Self {
        self.schema = versions;
        self
    }

    /// Notes something for people; the newest value of a name stays.
    pub fn meta(mut self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        self.meta.insert(name.into(), value.into());
        self
    }

    /// The release.
    ///
    /// # Errors
    /// If name or code is empty, a setting or a file is given twice, or the schema range is empty.
    pub fn build(self) -> Result<Release, ConfigError> {
        let Self { name, code, config, files, schema, meta } = self;
        for (field, text) in [("name", &name), ("code", &code)] {
            if text.trim().is_empty() {
                return Err(ConfigError::new(field, "empty", "a text, it is required"));
            }
        }
        if schema.is_empty() {
            let value = format!("{} to {}", schema.start(), schema.end());
            return Err(ConfigError::new("schema_range", value, "a first version up to a last"));
        }
        let config = each_once("config", config)?;
        let digests =
            config.iter().map(|(name, value)| (Arc::clone(name), Digest::of(value.as_bytes())));
        let files = each_once("files", files)?;
        let manifest = Manifest { code, config: digests.collect(), files };
        let mut canonical = Canonical::new("rely release 1");
        canonical.part(manifest.code.as_bytes());
        canonical.part(manifest.config_digest().as_bytes());
        canonical.part(manifest.files_digest().as_bytes());
        canonical.part(&schema.start().to_be_bytes());
        canonical.part(&schema.end().to_be_bytes());
        let digest = canonical.finish();
        Ok(Release(Arc::new(Inner { name, manifest, config, schema, meta, digest })))
    }
}

fn each_once<V>(
    field: &str,
    entries: Vec<(Arc<str>, V)>,
) -> Result<BTreeMap<Arc<str>, V>, ConfigError> {
    let mut map = BTreeMap::new();
    for (name, value) in entries {
        if map.contains_key(&name) {
            let field = format!("{field}.{name}");
            return Err(ConfigError::new(field, "given twice", "each name once"));
        }
        map.insert(name, value);
    }
    Ok(map)
}

impl fmt::Debug for ReleaseBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReleaseBuilder")
            .field("name", &self.name)
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "serde")]
mod stored {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::{Arc, BTreeMap, Digest, Entries, Inner, Release};

    #[derive(Serialize, Deserialize)]
    #[serde(rename = "Release", deny_unknown_fields)]
    struct Stored {
        digest: Digest,
        name: Arc<str>,
        code: Arc<str>,
        config: BTreeMap<Arc<str>, Arc<str>>,
        files: Entries,
        schema_range: (u32, u32),
        meta: BTreeMap<Arc<str>, Arc<str>>,
    }

    impl Serialize for Release {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let Inner { name, manifest, config, schema, meta, digest } = &*self.0;
            let stored = Stored {
                digest: *digest,
                name: Arc::clone(name),
                code: Arc::clone(&manifest.code),
                config: config.clone(),
                files: manifest.files.clone(),
                schema_range: (*schema.start(), *schema.end()),
                meta: meta.clone(),
            };
            stored.serialize(serializer)
        }
    }

    /// Refuses one whose digest is not that of its content.
    impl<'de> Deserialize<'de> for Release {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let stored = Stored::deserialize(deserializer)?;
            let mut builder = Self::builder(stored.name)
                .code(stored.code)
                .config(stored.config)
                .schema_range(stored.schema_range.0..=stored.schema_range.1);
            builder.files.extend(stored.files);
            builder.meta = stored.meta;
            let release = builder.build().map_err(D::Error::custom)?;
            if release.digest() != stored.digest {
                let (said, is) = (stored.digest.short(), release.digest().short());
                let text = format!("the digest of {} is {is}, not {said}", release.name());
                return Err(D::Error::custom(text));
            }
            Ok(release)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn v1() -> ReleaseBuilder {
        Release::builder("v1").code("orders 1.0.0").config([("queue_timeout", "50ms")])
    }

    #[test]
    fn the_digest_is_that_of_the_documented_encoding() {
        // Made by hand with Python's hashlib from the documentation's words.
        let release = v1().file("a", "b").schema_range(3..=4).build().unwrap();
        let expected = "429cca7e0688bc3ff79f1678675db1d885a6c588de8bcfd2c313680d6e904743";
        assert_eq!(release.digest().to_string(), expected);
    }

    #[test]
    fn content_identifies_and_labels_do_not() {
        let digest = |builder: ReleaseBuilder| builder.build().unwrap().digest();
        let first = digest(v1());
        let named = Release::builder("other").code("orders 1.0.0");
        assert_eq!(digest(named.config([("queue_timeout", "50ms")]).meta("a", "b")), first);
        for other in [
            v1().code("orders 1.0.1"),
            v1().config([("retries", "2")]),
            v1().file("a", ""),
            v1().schema_range(0..=1),
            Release::builder("v1").code("orders 1.0.0"),
            Release::builder("v1").code("orders 1.0.0").config([("queue_timeout", "51ms")]),
            Release::builder("v1").code("orders 1.0.0").file("queue_timeout", "50ms"),
        ] {
            assert_ne!(digest(other), first);
        }
    }

    #[test]
    fn what_makes_no_release_is_refused_by_name() {
        let refused = |builder: ReleaseBuilder| builder.build().unwrap_err().to_string();
        assert_eq!(
            refused(Release::builder("v1")),
            "code is empty, allowed: a text, it is required"
        );
        assert_eq!(
            refused(Release::builder(" ").code("1")),
            "name is empty, allowed: a text, it is required"
        );
        let twice = v1().config([("queue_timeout", "50ms")]);
        assert_eq!(refused(twice), "config.queue_timeout is given twice, allowed: each name once");
        let twice = v1().file("a", "1").file("a", "2");
        assert_eq!(refused(twice), "files.a is given twice, allowed: each name once");
        #[expect(clippy::reversed_empty_ranges, reason = "what is refused")]
        let empty = v1().schema_range(4..=3);
        assert_eq!(refused(empty), "schema_range is 4 to 3, allowed: a first version up to a last");
    }

    #[test]
    fn values_of_settings_are_not_shown() {
        let text = format!("{:?}", v1().build().unwrap());
        assert!(text.contains("queue_timeout") && !text.contains("50ms"), "{text}");
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_stored_release_comes_back_and_a_changed_one_does_not() {
        let release = v1().file("a", "b").schema_range(1..=2).meta("c", "d").build().unwrap();
        let text = serde_json::to_string(&release).unwrap();
        let read: Release = serde_json::from_str(&text).unwrap();
        assert_eq!((&read, read.meta()), (&release, release.meta()));
        let changed = text.replace("50ms", "60ms");
        let error = serde_json::from_str::<Release>(&changed).unwrap_err().to_string();
        assert!(error.starts_with("the digest of v1 is "), "{error}");
    }

    fn settings() -> impl Strategy<Value = BTreeMap<String, String>> {
        prop::collection::btree_map("[ab]{0,2}", "[ab]{0,2}", 0..4)
    }

    proptest! {
        #[test]
        fn order_never_matters_and_content_always_does(
            one in settings(), two in settings(), files in any::<[bool; 2]>(), seed: u64,
        ) {
            let build = |settings: Vec<(String, String)>, files: bool| {
                let mut builder = Release::builder("r").code("c");
                for (name, value) in settings {
                    builder = if files {
                        builder.file(name, value)
                    } else {
                        builder.config([(name, value)])
                    };
                }
                builder.build().unwrap()
            };
            let in_order = |map: &BTreeMap<String, String>| -> Vec<_> {
                map.clone().into_iter().collect()
            };
            let mut turned = in_order(&one);
            if !turned.is_empty() {
                let by = usize::try_from(seed % turned.len() as u64).unwrap();
                turned.rotate_left(by);
            }
            let first = build(in_order(&one), files[0]);
            prop_assert_eq!(&build(turned, files[0]), &first);
            let second = build(in_order(&two), files[1]);
            let same = one == two && (files[0] == files[1] || one.is_empty());
            prop_assert_eq!(first == second, same);
        }
    }
}
