"""New York City's complaint types: today's names, what they were called before, and the retired.

Measured on the real rows of 2010 to 2026 that the tests read (types, agencies, descriptors and
years of each), and held against public projects' lists of the distinct types in the two datasets:
of 2010 to 2016, of the housing agency's six million rows of 2010 to 2019, of 2018 to 2025, and two
of about 185 types each of the present dataset.

A rename is accepted only if the same agency's older name gives way to today's and the descriptors
name the same kind of request ("3A Sweeping/Missed" before, "Street Not Swept" under Street Sweeping
Complaint), or if the names differ in spelling alone. Most came in waves: housing (HPD) in early
2014, trees about 2016, parking meters in 2017, police in 2018 to 2021, sanitation (DSNY) in and
before September 2021. The meaning moved a little in some: HEAT/HOT WATER also takes hot water,
Smoking or Vaping vaping, Litter Basket Complaint misuse; Broken Parking Meter took in the muni
meters that had replaced the single ones; Dirty Condition no longer takes improper disposal. Lists
alone, without rows here, stand behind Sweeping/Inadequate, OUTSITE BUILDING, Building Marshals
office and Noncompliance With Phased Reopening.

Not accepted: types that were split (GENERAL CONSTRUCTION, NONCONST, Sanitation Condition, Other
Enforcement, Traffic/Illegal Parking), that passed to another agency with other descriptors
(Vending), or that one word stands for at two agencies: HPD's ELEVATOR and PLUMBING are about
flats, the buildings department's Elevator and Plumbing about permits and safety. HPD wrote some
of its types in lower case for a while; that is a rename at HPD only.

Retired types have no successor and are kept as they are. Capitals are the source's own.
"""

from __future__ import annotations

from nyc311_assets.pipeline.cities.city import ComplaintTypes


def _listed(text: str) -> frozenset[str]:
    """The names in a text, parted by semicolons."""
    return frozenset(" ".join(name.split()) for name in text.split(";"))


_KNOWN = _listed("""
    Abandoned Bike; Abandoned Vehicle; AHV Inspection Unit; Air Quality; Animal Facility - No Permit;
    Animal in a Park; Animal-Abuse; APPLIANCE; Asbestos; Beach/Pool/Sauna Complaint; Bench;
    BEST/Site Safety; Bike Rack; Bike/Roller/Skate; Blocked Driveway; Boilers; Borough Office;
    Bridge Condition; Broken Parking Meter; Building Condition; Building Drinking Water Tank;
    Building Marshal's Office; Building/Use; Bus Stop Shelter Complaint; Bus Stop Shelter Placement;
    Calorie Labeling; Cannabis Retailer; Commercial Disposal Complaint; Construction Lead Dust;
    Construction Safety Enforcement; Consumer Complaint; Cooling Tower; Cranes and Derricks;
    Curb Condition; Damaged Tree; Day Care; Dead Animal; Dead/Dying Tree; DEP Highway Condition;
    DEP Sidewalk Condition; DEP Street Condition; Dept of Investigations; Derelict Vehicles;
    Dirty Condition; Disorderly Youth; DOOR/WINDOW; Drinking; Drinking Water; Drug Activity;
    DSNY Internal; Dumpster Complaint; E-Scooter; ELECTRIC; Electrical;
    Electronics Waste Appointment; Elevator; ELEVATOR; Emergency Response Team (ERT); Encampment;
    Ferry Complaint; Ferry Inquiry; FHV Licensee Complaint; FLOORING/STAIRS; Food Establishment;
    Food Poisoning; For Hire Vehicle Complaint; For Hire Vehicle Report; Found Property; GENERAL;
    General Construction/Plumbing; Graffiti; Green Taxi Complaint; Green Taxi Report;
    Harboring Bees/Wasps; Hazardous Materials; HEAT/HOT WATER; Highway Condition;
    Highway Sign - Damaged; Highway Sign - Dangling; Highway Sign - Missing;
    Homeless Person Assistance; Illegal Animal Kept as Pet; Illegal Animal Sold; Illegal Dumping;
    Illegal Fireworks; Illegal Parking; Illegal Posting; Illegal Tree Damage; Incorrect Data;
    Indoor Air Quality; Indoor Sewage; Industrial Waste; Institution Disposal Complaint;
    Investigations and Discipline (IAD); Lead; Leaning Bar; Lifeguard; LinkNYC;
    Litter Basket Complaint; Litter Basket Request; Lost Property; Lot Condition;
    Maintenance or Facility; Missed Collection; Mobile Food Vendor; Mold; Mosquitoes;
    Municipal Parking Facility; New Tree Request; Noise; Noise - Commercial; Noise - Helicopter;
    Noise - House of Worship; Noise - Park; Noise - Residential; Noise - Street/Sidewalk;
    Noise - Vehicle; Non-Emergency Police Matter; Non-Residential Heat; Obstruction;
    Oil or Gas Spill; Outdoor Dining; OUTSIDE BUILDING; Overgrown Tree/Branches; PAINT/PLASTER;
    Panhandling; Pet Sale; Pet Shop; Plant; Plumbing; PLUMBING; Poison Ivy; Posting Advertisement;
    Public Payphone Complaint; Public Toilet; Radioactive Material; Real Time Enforcement;
    Recycling Basket Complaint; Residential Disposal Complaint; Rodent;
    Root/Sewer/Sidewalk Condition; SAFETY; Sanitation Worker or Vehicle Complaint; Scaffold Safety;
    School Maintenance; Sewer; Sewer Maintenance; Sidewalk Condition; Smoking or Vaping;
    Snow or Ice; SNW; Special Natural Area District (SNAD); Special Operations;
    Special Projects Inspection Team (SPIT); Squeegee; Standing Water; Street Condition;
    Street Light Condition; Street Sign - Damaged; Street Sign - Dangling; Street Sign - Missing;
    Street Sweeping Complaint; Tanning; Tattooing; Taxi Complaint; Taxi Compliment;
    Taxi Licensee Complaint; Taxi Report; Tobacco or Non-Tobacco Sale; Traffic;
    Traffic Signal Condition; Transfer Station Complaint; Trapping Pigeon; Tunnel Condition;
    Unleashed Dog; Unsanitary Animal Facility; Unsanitary Animal Pvt Property; UNSANITARY CONDITION;
    Unsanitary Pigeon Condition; Uprooted Stump; Urinating in Public; Vendor Enforcement;
    Violation of Park Rules; Water Conservation; WATER LEAK; Water Maintenance; Water Quality;
    Water System; Wayfinding; Window Guard; Wood Pile Remaining; X-Ray Machine/Equipment
    """)

_RETIRED = _listed("""
    Adopt-A-Basket; Advocate - Other; Advocate-Co-opCondo Abatement; Advocate-Personal Exemptions;
    Advocate-Prop Refunds/Credits; AGENCY; Agency Issues; ATF; Benefit Card Replacement;
    Bottled Water; Cable Complaint; City Vehicle Placard Complaint; Collection Truck Noise; Comment;
    Complaint; Compliment; Construction; CONSTRUCTION; COVID-19 Non-essential Construction;
    DCA / DOH New License Application Request; DCA Literature Request; DEP Literature Request;
    DFTA Literature Request; DHS Advantage - Tenant; DHS Advantage -Landlord/Broker;
    DHS Income Savings Requirement; Discipline and Suspension; Dispatched Taxi Complaint;
    DOE Complaint or Compliment; DOF Literature Request; DOF Parking - DMV Clearance;
    DOF Parking - Payment Issue; DOF Parking - Request Copy; DOF Parking - Request Status;
    DOF Parking - Tax Exemption; DOF Property - City Rebate; DOF Property - Owner Issue;
    DOF Property - Payment Issue; DOF Property - Property Value; DOF Property - Reduction Issue;
    DOF Property - Request Copy; DOF Property - RPIE Issue; DOF Property - Update Account;
    DOT Literature Request; DPR Internal; DPR Literature Request; DRIE; DWD;
    EAP Inspection - F59; Elder Abuse; Electronics Waste; Executive Inspections; Facades;
    Face Covering Violation; Ferry Permit; Fire Alarm - Addition; Fire Alarm - Modification;
    Fire Alarm - New System; Fire Alarm - Reinspection; Fire Alarm - Replacement;
    Fire Safety Director - F58; Forensic Engineering; Forms; Gas Station Discharge Lines;
    GENERAL CONSTRUCTION; Hazmat Storage/Use; Health; Home Care Provider Complaint;
    Home Delivered Meal - Missed Delivery; Home Repair; Homeless Street Condition;
    Housing - Low Income Senior; Housing Options; HPD Literature Request; IGR;
    Illegal Animal - Sold/Kept; Interior Demo; Internal Code; Invitation;
    Legal Services Provider Complaint; Literature Request; Mass Gathering Complaint; Micro Switch;
    Misc. Comments; Miscellaneous Categories; No Child Left Behind; Noise Survey; NONCONST;
    NonCompliance with Phased Reopening; OEM Disabled Vehicle; OEM Literature Request;
    Open Flame Permit; Opinion for the Mayor; Other Enforcement; Overflowing Recycling Baskets;
    Parent Leadership; Parking Card; Portable Toilet; Private or Charter School Reopening;
    Private School Vaccine Mandate Non-Compliance; Public Assembly; Public Assembly - Temporary;
    Quality of Life; Rangehood; Recycling Enforcement; Registration and Transfers;
    Request for Information; Request Large Bulky Item Collection; Request Xmas Tree Collection;
    Retailer Complaint; Sanitation Condition; SCRIE; SDEP; SDSC; Seasonal Collection;
    Senior Center Complaint; SG-51; SG-71; SG-98; Single Occupancy Bathroom; Snow Removal;
    Special Enforcement; Sprinkler - Mechanical; Stalled Sites; Standpipe - Mechanical; Storm;
    STRUCTURAL; STSK; Summer Camp; Sustainability Enforcement; Taxpayer Advocate Inquiry;
    Teaching/Learning/Instruction; Traffic/Illegal Parking; Trans Fat;
    Transportation Provider Complaint; Unlicensed Dog; VACANT APARTMENT;
    Vaccine Mandate Non-Compliance; Vending; WLWP; WNW
    """)

_RENAMED = {
    "HEATING": "HEAT/HOT WATER",
    "PAINT - PLASTER": "PAINT/PLASTER",
    "OUTSITE BUILDING": "OUTSIDE BUILDING",
    "Dead Tree": "Dead/Dying Tree",
    "Bike Rack Condition": "Bike Rack",
    "Broken Muni Meter": "Broken Parking Meter",
    "Animal Abuse": "Animal-Abuse",
    "Bike/Roller/Skate Chronic": "Bike/Roller/Skate",
    "Derelict Vehicle": "Abandoned Vehicle",
    "Homeless Encampment": "Encampment",
    "Derelict Bicycle": "Abandoned Bike",
    "Dirty Conditions": "Dirty Condition",
    "Litter Basket / Request": "Litter Basket Request",
    "Missed Collection (All Materials)": "Missed Collection",
    "Overflowing Litter Baskets": "Litter Basket Complaint",
    "Snow": "Snow or Ice",
    "Sweeping/Inadequate": "Street Sweeping Complaint",
    "Sweeping/Missed": "Street Sweeping Complaint",
    "Sweeping/Missed-Inadequate": "Street Sweeping Complaint",
    "Vacant Lot": "Lot Condition",
    "Smoking": "Smoking or Vaping",
    "Building Marshals office": "Building Marshal's Office",
    "Noncompliance With Phased Reopening": "NonCompliance with Phased Reopening",
}

_HOUSING = _listed("""
    APPLIANCE; DOOR/WINDOW; ELECTRIC; ELEVATOR; FLOORING/STAIRS; GENERAL; HEAT/HOT WATER;
    OUTSIDE BUILDING; PAINT/PLASTER; PLUMBING; SAFETY; UNSANITARY CONDITION; WATER LEAK
    """)

TYPES = ComplaintTypes(
    known=_KNOWN,
    renamed=_RENAMED,
    renamed_at={"HPD": {name.title(): name for name in sorted(_HOUSING)}},
    retired=_RETIRED,
)
