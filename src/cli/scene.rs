//! Lines and zones as they are written on the command line.

use becamera_domain::{
    CrossingRules, Directions, InvalidField, Line, Point, Preset, Scene, Zone, ZoneKind,
};
use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};

/// What every command that analyses a recording takes.
#[derive(Debug, Args)]
pub(super) struct SceneArguments {
    /// A line that people cross, from 0,0 (upper left) to 1,1 (lower right); can be repeated.
    /// Seen from the first end towards the second, people who cross from the left go `in`.
    #[arg(long = "line", value_name = "NAME:X1,Y1,X2,Y2", value_parser = line)]
    lines: Vec<Line>,
    /// A zone whose detections are left out, such as a poster or a mirror; can be repeated.
    #[arg(long = "exclude", value_name = "NAME:X,Y,X,Y,X,Y…", value_parser = exclusion)]
    exclusions: Vec<Zone>,
    /// How people are looked for; takes the place of what the configuration says of that. Single
    /// knobs can still be set, such as --set detect.scale=1.
    #[arg(long, value_parser = preset())]
    pub(super) preset: Option<Preset>,
}

impl SceneArguments {
    /// Everything that is drawn, with these zones; the error names the argument.
    pub(super) fn scene(&self, zones: &[Zone]) -> Result<Scene, String> {
        let zones = [zones, &self.exclusions].concat();
        let scene = Scene { lines: self.lines.clone(), zones };
        let lines = scene.lines.iter().map(|line| line.id.as_str());
        if let Some(name) = twice(lines) {
            return Err(format!("--line: there are two lines of the name {name}"));
        }
        if let Some(name) = twice(scene.zones.iter().map(|zone| zone.id.as_str())) {
            return Err(format!("--zone, --exclude: there are two zones of the name {name}"));
        }
        let flag = |error: InvalidField| match error.field {
            "lines" => format!("--line: {}", error.reason),
            "zones" => format!("--zone, --exclude: {}", error.reason),
            _ => error.to_string(),
        };
        scene.validate().map_err(flag)?;
        Ok(scene)
    }
}

fn twice<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names.windows(2).find(|two| two[0] == two[1]).map(|two| two[0])
}

fn preset() -> impl TypedValueParser<Value = Preset> {
    let names = Preset::ALL.map(Preset::as_str);
    PossibleValuesParser::new(names).try_map(|name| {
        Preset::ALL
            .into_iter()
            .find(|preset| preset.as_str() == name)
            .ok_or("there is no such preset")
    })
}

/// `NAME:X1,Y1,X2,Y2`
fn line(text: &str) -> Result<Line, String> {
    let (name, points) = named_points(text)?;
    let [from, to] = points[..] else {
        return Err(format!(
            "a line has two ends, which are four numbers, not {}",
            2 * points.len()
        ));
    };
    let id = name.parse().map_err(|error: InvalidField| error.reason)?;
    let line =
        Line { id, from, to, directions: Directions::default(), rules: CrossingRules::default() };
    line.validate().map_err(|error| match error.field {
        "from" => format!("the first end {}", error.reason),
        _ => format!("the second end {}", error.reason.replace("`from`", "the first")),
    })?;
    Ok(line)
}

/// `NAME:X,Y,X,Y,X,Y…`
pub(super) fn zone(text: &str) -> Result<Zone, String> {
    let (name, polygon) = named_points(text)?;
    let id = name.parse().map_err(|error: InvalidField| error.reason)?;
    let zone = Zone { id, kind: ZoneKind::Count, polygon };
    zone.validate().map_err(|error| format!("the polygon {}", error.reason))?;
    Ok(zone)
}

/// As [`zone`], but of the other kind.
fn exclusion(text: &str) -> Result<Zone, String> {
    Ok(Zone { kind: ZoneKind::Exclude, ..zone(text)? })
}

fn named_points(text: &str) -> Result<(&str, Vec<Point>), String> {
    let (name, numbers) = text.split_once(':').ok_or("there is no colon after the name")?;
    let numbers = numbers
        .split(',')
        .map(|number| {
            let parsed = number.trim().parse::<f64>();
            parsed.map_err(|_| format!("{:?} is not a number", number.trim()))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let (points, []) = numbers.as_chunks::<2>() else {
        return Err(format!("each place has an x and a y: {} numbers are odd", numbers.len()));
    };
    Ok((name, points.iter().copied().map(Point::from).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_zones_are_read() {
        let door = line("door:0.1,0.5, 0.9,0.5").unwrap();
        assert_eq!(
            (door.id.as_str(), door.from, door.to),
            ("door", [0.1, 0.5].into(), [0.9, 0.5].into())
        );
        assert_eq!(zone("hall:0,0,1,0,1,1").unwrap().polygon.len(), 3);
    }

    #[test]
    fn errors_say_what_is_wrong() {
        assert_eq!(line("0.1,0.5,0.9,0.5").unwrap_err(), "there is no colon after the name");
        assert_eq!(
            line("door:0.1,0.5,0.9").unwrap_err(),
            "each place has an x and a y: 3 numbers are odd"
        );
        assert_eq!(line("door:0.1,half").unwrap_err(), "\"half\" is not a number");
        assert!(line("door:0.1,0.5").unwrap_err().starts_with("a line has two ends"));
        assert!(line("Door!:0,0,1,1").unwrap_err().contains("lower-case"));
        assert!(line("door:0,0,2,1").unwrap_err().starts_with("the second end must lie in"));
        assert!(line("door:0,nan,1,1").unwrap_err().starts_with("the first end must lie in"));
        assert!(zone("hall:0,0,1,1").unwrap_err().starts_with("the polygon must have 3"));
        assert!(zone("hall:").unwrap_err().contains("is not a number"));
    }

    #[test]
    fn a_name_is_used_once() {
        let lines = vec![line("door:0,0,1,1").unwrap(), line("door:0,1,1,0").unwrap()];
        let arguments = |lines, exclusions| SceneArguments { lines, exclusions, preset: None };
        let error = arguments(lines, Vec::new()).scene(&[]).unwrap_err();
        assert_eq!(error, "--line: there are two lines of the name door");
        let none = arguments(Vec::new(), Vec::new());
        let hall = zone("hall:0,0,1,0,1,1").unwrap();
        assert!(none.scene(&[hall.clone(), hall.clone()]).unwrap_err().starts_with("--zone"));
        let masked = |name| arguments(Vec::new(), vec![exclusion(name).unwrap()]);
        assert!(masked("hall:0,0,1,0,1,1").scene(std::slice::from_ref(&hall)).is_err());
        let zones = masked("poster:0,0,1,0,1,1").scene(&[hall]).unwrap().zones;
        assert_eq!((zones[0].kind, zones[1].kind), (ZoneKind::Count, ZoneKind::Exclude));
    }
}
