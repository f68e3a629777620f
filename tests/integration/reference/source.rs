//! Reads the settings' documentation where it stands: in the doc comments of `becamera-domain`.

use std::{fs, path::Path};

use syn::{
    Attribute, Expr, Field, Fields, GenericArgument, Ident, Item, ItemEnum, ItemStruct, Lit, Meta,
    PathArguments, Type,
};

/// A section of the configuration file.
pub struct Section {
    /// Its name: `storage.retention`.
    pub name: String,
    /// What it is about.
    pub title: String,
    pub settings: Vec<Setting>,
}

/// A setting as its field is documented.
pub struct Setting {
    /// `section.key`.
    pub name: String,
    pub kind: String,
    /// What it means, without its example.
    pub meaning: String,
    /// A value in TOML, where there is no default.
    pub example: Option<String>,
    /// Every value, where they are names.
    pub choices: Vec<String>,
}

/// The settings' types.
pub struct Source {
    structs: Vec<ItemStruct>,
    enums: Vec<ItemEnum>,
}

impl Source {
    /// Reads all of the crate.
    pub fn read() -> Self {
        let mut source = Self { structs: Vec::new(), enums: Vec::new() };
        source.read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/domain/src"));
        source
    }

    fn read_folder(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.read_folder(&path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                for item in syn::parse_file(&text).unwrap().items {
                    match item {
                        Item::Struct(item) => self.structs.push(item),
                        Item::Enum(item) => self.enums.push(item),
                        _ => {}
                    }
                }
            }
        }
    }

    /// All sections, in the order of the fields.
    pub fn sections(&self) -> Vec<Section> {
        let mut sections = Vec::new();
        for field in &self.named("Settings").unwrap().fields {
            let name = field.ident.as_ref().unwrap().to_string();
            self.add_section(&name, &field.ty, &mut sections);
        }
        sections
    }

    fn add_section(&self, name: &str, ty: &Type, sections: &mut Vec<Section>) {
        let item = self.named(&last(ty).0).unwrap_or_else(|| panic!("{name} is no section"));
        let title = docs(&item.attrs);
        let head = format!("`[{name}]`: ");
        let title = title.strip_prefix(&head).unwrap_or_else(|| panic!("{title:?}: no {head:?}"));
        let place = sections.len();
        sections.push(Section { name: name.into(), title: title.into(), settings: Vec::new() });
        for field in item.fields.iter().filter(|field| !is_skipped(field)) {
            let key = format!("{name}.{}", field.ident.as_ref().unwrap());
            let ty = last(&field.ty).0;
            if self.named(&ty).is_some_and(|item| matches!(item.fields, Fields::Named(_))) {
                self.add_section(&key, &field.ty, sections);
            } else {
                let setting = self.setting(key, &field.ty, &docs(&field.attrs));
                sections[place].settings.push(setting);
            }
        }
    }

    fn setting(&self, name: String, ty: &Type, docs: &str) -> Setting {
        let (meaning, example) = match docs.split_once(" Example: `") {
            Some((meaning, example)) => {
                let example = example.strip_suffix("`.").expect("an example ends the text");
                (meaning, Some(example.to_owned()))
            }
            None => (docs, None),
        };
        assert!(meaning.ends_with('.'), "{name}: {meaning}");
        let (kind, choices) = self.kind(ty);
        Setting { name, kind, meaning: meaning.into(), example, choices }
    }

    /// What values a type has, and all of them where they are names.
    fn kind(&self, ty: &Type) -> (String, Vec<String>) {
        let (name, inner) = last(ty);
        let plain = match name.as_str() {
            "Option" => return self.kind(inner.unwrap()),
            "Vec" => return (format!("list of {}s", self.kind(inner.unwrap()).0), Vec::new()),
            "bool" => "boolean",
            "f32" => "number",
            "u8" | "u32" | "u64" | "usize" => "integer",
            "String" => "text",
            "PathBuf" => "path",
            "Duration" => "duration",
            "KeepFor" => "duration, or `forever`",
            "SocketAddr" => "address and port",
            "IpNet" => "network",
            "KnownCertificate" => "`HOST=FINGERPRINT`",
            "SecretKeys" => "32 bytes in hex or base64",
            name => {
                let choices = self.enums.iter().find(|item| item.ident == name);
                let choices = choices.unwrap_or_else(|| panic!("{name}: what is that?"));
                let names = choices.variants.iter().map(|v| v.ident.to_string().to_lowercase());
                let names: Vec<_> = names.collect();
                return (format!("`{}`", names.join("`, `")), names);
            }
        };
        (plain.into(), Vec::new())
    }

    fn named(&self, name: &str) -> Option<&ItemStruct> {
        let mut found = self.structs.iter().filter(|item| item.ident == name);
        let first = found.next();
        assert!(found.next().is_none(), "{name} names several structs");
        first
    }
}

/// Whether a field is no setting: the service itself fills it in.
fn is_skipped(field: &Field) -> bool {
    let skip = |attribute: &Attribute| {
        attribute.path().is_ident("serde")
            && attribute.parse_args::<Ident>().is_ok_and(|it| it == "skip")
    };
    field.attrs.iter().any(skip)
}

/// A type's name, and what it is generic over.
fn last(ty: &Type) -> (String, Option<&Type>) {
    let Type::Path(path) = ty else { panic!("a setting has a named type") };
    let segment = path.path.segments.last().unwrap();
    let inner = match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => {
            arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
        }
        _ => None,
    };
    (segment.ident.to_string(), inner)
}

/// A doc comment's text in one line.
fn docs(attributes: &[Attribute]) -> String {
    let mut text = String::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        let Meta::NameValue(meta) = &attribute.meta else { continue };
        let Expr::Lit(literal) = &meta.value else { continue };
        let Lit::Str(line) = &literal.lit else { continue };
        text += &line.value();
    }
    text.trim().to_owned()
}
